"""Ask IAM whether the policies of the functions' roles allow what the functions do.

IAM simulates a role's own policies, its boundary, and what the organisation says without
conditions. Policies of buckets, keys and queues it takes for users only, never for roles (API
reference of SimulatePrincipalPolicy), so that a role without a fault here may still be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.adapters.aws.looks import Answer, Traits, looked
from chalicelib.domain.stack import Kind, Piece, Seen
from chalicelib.domain.stack_rights import RIGHTS, Place, Rights

ALLOWED: Final = "allowed"
SAMPLE: Final = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
"""Names something that would be ours; it need not be there to be allowed."""


@dataclass(frozen=True)
class Account:
    """Say where an installation is: its stage, and what its ARNs begin with."""

    partition: str
    region: str
    number: str
    stage: str

    def arn(self, service: str, rest: str) -> str:
        """Return the ARN of a resource of ours."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.number}:{rest}"


@dataclass(frozen=True)
class RoleReader:
    """Simulate what each function's role needs; `settings` name keys, bucket and topic."""

    client: Any
    account: Account
    settings: Mapping[str, str]

    def roles(self, functions: Mapping[str, Seen]) -> Iterator[tuple[Piece, Seen]]:
        """Ask for every function that is there and names its role."""
        for name, seen in functions.items():
            role = seen.traits.get("role")
            if role is not None and name in RIGHTS:
                yield Piece(Kind.ROLE, f"of {name}"), self._role(role, RIGHTS[name])

    def _role(self, role: str, wanted: tuple[Rights, ...]) -> Seen:
        def ask() -> Answer:
            refused = [
                f"{action} on {rights.place}"
                for rights in wanted
                for action in self._refused(role, rights)
            ]
            return {"refused": refused, "asked": sum(len(one.actions) for one in wanted)}

        return looked(ask, _traits)

    def _refused(self, role: str, rights: Rights) -> Iterator[str]:
        answer = self.client.simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=list(rights.actions),
            ResourceArns=[self._arn(rights.place)],
            ContextEntries=self._context(),
        )
        for result in answer["EvaluationResults"]:
            if result["EvalDecision"] != ALLOWED:
                yield result["EvalActionName"]

    def _arn(self, place: Place) -> str:
        return PLACES[place](self.account, self.settings)

    def _context(self) -> list[dict[str, Any]]:
        # conditions of ours: who uses the key for us, and whom a role is handed to
        values = {
            "kms:ViaService": f"dynamodb.{self.account.region}.amazonaws.com",
            "iam:PassedToService": "scheduler.amazonaws.com",
        }
        return [
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in values.items()
        ]


def _traits(answer: Answer) -> Traits:
    return {
        "refused": ", ".join(answer["refused"]),
        "told": f"{answer['asked']} actions allowed by IAM, other policies not asked",
    }


def _machine(account: Account) -> str:
    return f"holdfast-{account.stage}-backup"


def _secret(account: Account, kind: str) -> str:
    return account.arn("secretsmanager", f"secret:holdfast/{account.stage}/{kind}/{SAMPLE}-AbCdEf")


def _table(account: Account, below: str = "") -> str:
    return account.arn("dynamodb", f"table/holdfast-{account.stage}{below}")


def _bucket(account: Account, settings: Mapping[str, str], below: str = "") -> str:
    return f"arn:{account.partition}:s3:::{settings.get('HOLDFAST_S3_BUCKET', '')}{below}"


PLACES: Final[Mapping[Place, Callable[[Account, Mapping[str, str]], str]]] = {
    Place.TABLE: lambda account, _: _table(account),
    Place.INDEXES: lambda account, _: _table(account, "/index/by_kind"),
    Place.BUCKET: _bucket,
    Place.OBJECTS: lambda account, known: _bucket(account, known, f"/projects/{SAMPLE}"),
    Place.SECRETS: lambda account, _: _secret(account, "projects"),
    Place.CHANNEL_SECRETS: lambda account, _: _secret(account, "channels"),
    Place.DATA_KEY: lambda _, known: known.get("HOLDFAST_S3_KMS_KEY", ""),
    Place.SIGNING_KEY: lambda _, known: known.get("HOLDFAST_SIGNING_KEY", ""),
    Place.TOPIC: lambda _, known: known.get("HOLDFAST_TOPIC", ""),
    Place.QUEUE: lambda _, known: known.get("HOLDFAST_SCHEDULE_DEAD_LETTERS", ""),
    Place.MACHINES: lambda account, _: account.arn("states", f"stateMachine:{_machine(account)}"),
    Place.EXECUTIONS: lambda account, _: account.arn(
        "states", f"execution:{_machine(account)}:{SAMPLE}"
    ),
    Place.SCHEDULES: lambda account, _: account.arn(
        "scheduler", f"schedule/holdfast-{account.stage}/{SAMPLE}"
    ),
    Place.SCHEDULE_ROLE: lambda _, known: known.get("HOLDFAST_SCHEDULE_ROLE", ""),
    Place.LINK_SIGNER: lambda account, _: account.arn(
        "lambda", f"function:holdfast-{account.stage}-link_signer"
    ),
}
"""How each place is called in an installation."""
