"""Look at an installation through the services themselves; nothing is judged, nothing changed.

What we are refused to see is told as hidden, what does not answer as silent: a look never ends
half-way because one of its questions had no answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from botocore.exceptions import NoRegionError

from chalicelib.adapters.aws.clients import Place, client
from chalicelib.adapters.aws.dynamodb import DynamoCatalog
from chalicelib.adapters.aws.looks import Answer, Traits, absent, looked
from chalicelib.adapters.aws.resource_policies import bucket_traits, key_traits
from chalicelib.adapters.aws.secrets_manager import encoded_name
from chalicelib.adapters.aws.stack_permissions import Account, RoleReader
from chalicelib.domain.channel import Channel
from chalicelib.domain.errors import HoldfastError, InvalidRequest
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.domain.stack import (
    FUNCTIONS,
    MACHINES,
    STACK_PREFIX,
    Kind,
    Piece,
    Presence,
    Seen,
    StackFacts,
    stage_of,
)
from chalicelib.ports import Clock

PATIENCE_S: Final = 60.0
"""A worker that nobody called for a while takes some seconds to load its image."""
MAX_SECRETS: Final = 100
THROTTLES: Final = ("ReadThrottleEvents", "WriteThrottleEvents")
HOUR: Final = timedelta(hours=1)
ASKED: Final = json.dumps({"work": "look"})
Pieces = Iterator[tuple[Piece, Seen]]


def seen_at(place: Place, stack: str, clock: Clock) -> StackFacts:
    """Look at a stack; InvalidRequest where no region is named."""
    patient = replace(place, read_timeout_s=PATIENCE_S)
    try:
        return StackReader(partial(_client, patient), stack, clock).facts()
    except NoRegionError as error:
        raise InvalidRequest(
            "no region is set", hint="Name one with --region, HOLDFAST_REGION or AWS_REGION."
        ) from error


def _client(place: Place, service: str) -> Any:
    return client(service, place)


@dataclass(frozen=True)
class StackReader:
    """Ask about every piece that a stage consists of; `client` makes the client of a service."""

    client: Callable[[str], Any]
    stack: str
    clock: Clock

    def facts(self) -> StackFacts:
        """Ask for everything, one after the other; of a stack that is not there, nothing more."""
        name = STACK_PREFIX + stage_of(self.stack)
        formation = self.client("cloudformation")
        whole = looked(lambda: formation.describe_stacks(StackName=name)["Stacks"][0], _stack)
        pieces = {Piece(Kind.STACK, name): whole}
        region = formation.meta.region_name
        if whole.presence is not Presence.THERE:
            return StackFacts(name, region, pieces)
        account = _account(whole.traits["id"], stage_of(name))
        functions = {one: self._function(account, one) for one in FUNCTIONS}
        settings: dict[str, dict[str, str]] = {
            one: json.loads(seen.traits["variables"])
            for one, seen in functions.items()
            if seen.presence is Presence.THERE
        }
        pieces |= {Piece(Kind.FUNCTION, one): seen for one, seen in functions.items()}
        known = next(iter(settings.values()), {})
        pieces |= dict(self._pieces(account, functions, known))
        return StackFacts(name, region, pieces, json.loads(whole.traits["parameters"]), settings)

    def _pieces(
        self, account: Account, functions: Mapping[str, Seen], known: Mapping[str, str]
    ) -> Pieces:
        yield from self._logs(account, functions)
        yield from self._machines(account)
        yield from self._storage(account, known)
        yield from self._keys(known)
        yield from self._starting(account, known)
        yield from self._secrets(account)
        yield from RoleReader(self.client("iam"), account, known).roles(functions)
        if functions["worker"].presence is Presence.THERE:
            yield Piece(Kind.PROGRAMS, "worker"), self._programs(account)

    def _function(self, account: Account, name: str) -> Seen:
        functions = self.client("lambda")
        full = f"{STACK_PREFIX}{account.stage}-{name}"
        return looked(lambda: functions.get_function(FunctionName=full), _function)

    def _logs(self, account: Account, functions: Mapping[str, Seen]) -> Pieces:
        names = [one.traits["logs"] for one in functions.values() if "logs" in one.traits]
        for name in [*names, f"/aws/vendedlogs/states/{STACK_PREFIX}{account.stage}"]:
            yield Piece(Kind.LOG_GROUP, name), self._log_group(name)

    def _log_group(self, name: str) -> Seen:
        logs = self.client("logs")
        listed = looked(
            lambda: logs.describe_log_groups(logGroupNamePrefix=name, limit=50), _groups
        )
        if listed.presence is not Presence.THERE:
            return listed
        kept = json.loads(listed.traits["kept"])
        if name not in kept:
            return absent("no group of this name")
        return Seen(Presence.THERE, {"forgets": "yes" if kept[name] else "no"})

    def _machines(self, account: Account) -> Pieces:
        states = self.client("stepfunctions")
        for name in MACHINES:
            arn = account.arn("states", f"stateMachine:{STACK_PREFIX}{account.stage}-{name}")
            ask = partial(states.describe_state_machine, stateMachineArn=arn)
            yield Piece(Kind.MACHINE, name), looked(ask, _words_of(status="status"))

    def _storage(self, account: Account, known: Mapping[str, str]) -> Pieces:
        table = f"{STACK_PREFIX}{account.stage}"
        yield Piece(Kind.TABLE, table), self._table(table)
        if bucket := known.get("HOLDFAST_S3_BUCKET"):
            objects = self.client("s3")
            there = looked(partial(objects.head_bucket, Bucket=bucket), _words_of())
            if there.presence is Presence.THERE:
                ask = partial(objects.get_bucket_versioning, Bucket=bucket)
                there = looked(ask, _words_of(versioning="Status"))
            if there.presence is Presence.THERE:
                there = replace(there, traits={**there.traits, **bucket_traits(objects, bucket)})
            yield Piece(Kind.BUCKET, bucket), there

    def _table(self, name: str) -> Seen:
        tables, figures = self.client("dynamodb"), self.client("cloudwatch")
        seen = looked(lambda: tables.describe_table(TableName=name)["Table"], _table)
        now = self.clock.now()
        refused = [
            looked(partial(_refused_in_an_hour, figures, name, one, now), _words_of(sum="sum"))
            for one in THROTTLES
        ]
        known = [float(one.traits["sum"]) for one in refused if one.presence is Presence.THERE]
        throttled = {"throttled": str(int(sum(known)))} if known else {}
        return replace(seen, traits={**seen.traits, **throttled})

    def _keys(self, known: Mapping[str, str]) -> Pieces:
        keys = self.client("kms")
        named = {Kind.DATA_KEY: "HOLDFAST_S3_KMS_KEY", Kind.SIGNING_KEY: "HOLDFAST_SIGNING_KEY"}
        for kind, setting in named.items():
            if key := known.get(setting):
                seen = looked(partial(_key, keys, key), _words_of(state="KeyState", spec="KeySpec"))
                if seen.presence is Presence.THERE:
                    seen = replace(seen, traits={**seen.traits, **key_traits(keys, key)})
                yield Piece(kind, key.rpartition("/")[2]), seen

    def _starting(self, account: Account, known: Mapping[str, str]) -> Pieces:
        group = f"{STACK_PREFIX}{account.stage}"
        ask = partial(self.client("scheduler").get_schedule_group, Name=group)
        yield Piece(Kind.SCHEDULES, group), looked(ask, _words_of(state="State"))
        if topic := known.get("HOLDFAST_TOPIC"):
            ask = partial(self.client("sns").get_topic_attributes, TopicArn=topic)
            yield Piece(Kind.TOPIC, topic.rpartition(":")[2]), looked(ask, _words_of())
        if queue := known.get("HOLDFAST_SCHEDULE_DEAD_LETTERS", "").rpartition(":")[2]:
            ask = partial(self.client("sqs").get_queue_url, QueueName=queue)
            yield Piece(Kind.QUEUE, queue), looked(ask, _words_of())

    def _secrets(self, account: Account) -> Pieces:
        catalog = DynamoCatalog(self.client("dynamodb"), f"{STACK_PREFIX}{account.stage}")
        try:
            projects = catalog.find(Query(Project, limit=MAX_SECRETS)).items
            channels = catalog.find(Query(Channel, limit=MAX_SECRETS)).items
        except HoldfastError as error:
            # without the table, or the right to read it, nobody knows which there should be
            yield Piece(Kind.SECRET, "of projects"), Seen(Presence.HIDDEN, {"why": error.message})
            return
        vault = self.client("secretsmanager")
        named = [(f"of project {one.name}", one.secret_name) for one in projects]
        named += [(f"of channel {one.name}", one.secret_name) for one in channels]
        for told, name in named:
            ask = partial(
                vault.describe_secret, SecretId=f"holdfast/{account.stage}/{encoded_name(name)}"
            )
            yield Piece(Kind.SECRET, told), looked(ask, _secret)

    def _programs(self, account: Account) -> Seen:
        functions = self.client("lambda")
        name = f"{STACK_PREFIX}{account.stage}-worker"
        answer = looked(partial(_asked, functions, name), lambda said: said)
        if answer.presence is Presence.THERE and "clients" not in answer.traits:
            return absent("the worker is of a version that does not say")
        return answer


def _account(stack_id: str, stage: str) -> Account:
    _, partition, _, region, number, *_ = stack_id.split(":")
    return Account(partition, region, number, stage)


def _words_of(**names: str) -> Callable[[Answer], Traits]:
    """Return what picks the named words of an answer; those it lacks are empty."""
    return lambda answer: {trait: str(answer.get(name, "")) for trait, name in names.items()}


def _stack(found: Answer) -> Traits:
    parameters = {
        one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])
    }
    return {
        "id": found["StackId"],
        "status": found["StackStatus"],
        "parameters": json.dumps(parameters),
        "told": found["StackStatus"],
    }


def _function(found: Answer) -> Traits:
    configuration = found["Configuration"]
    name = configuration["FunctionName"]
    return {
        "state": configuration.get("State", "Active"),
        "update": configuration.get("LastUpdateStatus", "Successful"),
        "architecture": configuration.get("Architectures", ["x86_64"])[0],
        "image": found.get("Code", {}).get("ImageUri", ""),
        "role": configuration["Role"],
        "logs": configuration.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}"),
        "variables": json.dumps(configuration.get("Environment", {}).get("Variables", {})),
    }


def _groups(found: Answer) -> Traits:
    kept = {one["logGroupName"]: one.get("retentionInDays") for one in found["logGroups"]}
    return {"kept": json.dumps(kept)}


def _table(found: Answer) -> Traits:
    # DynamoDB archives a table whose key it may not use for a while
    lost = "InaccessibleEncryptionDateTime" in found.get("SSEDescription", {})
    return {"status": found["TableStatus"], "key": "INACCESSIBLE" if lost else ""}


def _key(keys: Any, key: str) -> Answer:
    described: Answer = keys.describe_key(KeyId=key)["KeyMetadata"]
    return described


def _secret(found: Answer) -> Traits:
    return {"deleted": "yes" if "DeletedDate" in found else "no"}


def _refused_in_an_hour(figures: Any, table: str, metric: str, now: datetime) -> Answer:
    found = figures.get_metric_statistics(
        Namespace="AWS/DynamoDB",
        MetricName=metric,
        Dimensions=[{"Name": "TableName", "Value": table}],
        StartTime=now - HOUR,
        EndTime=now,
        Period=int(HOUR.total_seconds()),
        Statistics=["Sum"],
    )
    return {"sum": sum(point["Sum"] for point in found["Datapoints"])}


def _asked(functions: Any, name: str) -> Traits:
    answer = functions.invoke(FunctionName=name, Payload=ASKED.encode())
    said = json.loads(answer["Payload"].read())
    return said if isinstance(said, dict) else {}
