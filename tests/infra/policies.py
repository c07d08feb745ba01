"""What our policies allow, by a small reading of IAM: no denials, no variables, our own ARNs.

Resources are compared as they stand in the template, after its functions were replaced by the
values of a made-up account.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from infra.template import loaded
from tests.support.servers import ROOT

ACCOUNT: Final = "arn:aws:{service}:eu-central-1:111122223333:"
VALUES: Final = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "111122223333",
    "Stage": "dev",
    "CatalogTable.Arn": "arn:aws:dynamodb:eu-central-1:111122223333:table/holdfast-dev",
    "BackupBucket.Arn": "arn:aws:s3:::backups",
    "DataKey.Arn": "arn:aws:kms:eu-central-1:111122223333:key/data",
    "SigningKey.Arn": "arn:aws:kms:eu-central-1:111122223333:key/signing",
    "NoticeTopic": "arn:aws:sns:eu-central-1:111122223333:holdfast-dev",
    "WorkerLogs.Arn": "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/worker",
    "ScheduleDeadLetters.Arn": "arn:aws:sqs:eu-central-1:111122223333:dead-letters",
    "ChannelTopics": "arn:aws:sns:eu-central-1:111122223333:on-call",
    "ScheduleRole.Arn": "arn:aws:iam::111122223333:role/schedule",
    "Worker.Arn": "arn:aws:lambda:eu-central-1:111122223333:function:holdfast-dev-worker",
    "WorkerTask": "arn:aws:ecs:eu-central-1:111122223333:task-definition/holdfast-dev-worker:7",
    "TaskRole.Arn": "arn:aws:iam::111122223333:role/task",
    "TaskStartRole.Arn": "arn:aws:iam::111122223333:role/task-start",
}


@dataclass(frozen=True)
class Policy:
    """Hold the statements of one role."""

    statements: tuple[dict[str, Any], ...]

    @property
    def actions(self) -> set[str]:
        return {action for one in self.statements for action in _listed(one["Action"])}

    def allows(self, action: str, resource: str) -> bool:
        return any(
            any(fnmatchcase(action, wanted) for wanted in _listed(one["Action"]))
            and any(fnmatchcase(resource, _arn(arn)) for arn in _listed(one["Resource"]))
            for one in self.statements
        )


def policy_of(function: str) -> Policy:
    """Read the policy of a function; the worker's stands in the template."""
    if function != "worker":
        document = json.loads((ROOT / ".chalice" / f"policy-{function}.json").read_text())
        return Policy(tuple(document["Statement"]))
    role = loaded(ROOT / "infra" / "resources.yaml")["Resources"]["WorkerRole"]
    statements = role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    return Policy(tuple(one["Fn::If"][1] if "Fn::If" in one else one for one in statements))


def policy_of_machines() -> Policy:
    """Read what the machines of backups, restores and jobs may do where there are subnets."""
    resources = loaded(ROOT / "infra" / "resources.yaml")["Resources"]
    own = resources["MachineRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    tasks = resources["MachineTaskPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    return Policy((*own, *tasks))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _arn(value: Any) -> str:
    if isinstance(value, str):
        return value
    ((function, given),) = value.items()
    if function == "Fn::Split":
        return _arn(given[1])
    if function == "Fn::Sub":
        return re.sub(r"\$\{([^}]+)\}", lambda found: VALUES[found[1]], given)
    return VALUES[".".join(_listed(given))]
