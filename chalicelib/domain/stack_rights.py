"""What the roles of an installation must be allowed, for who asks IAM whether they are.

The policies are the measure: a test holds this table to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Place(StrEnum):
    """Say on what an action is allowed; `objects` are all that backups keep."""

    TABLE = "table"
    INDEXES = "indexes"
    BUCKET = "bucket"
    OBJECTS = "objects"
    SECRETS = "secrets"
    CHANNEL_SECRETS = "secrets of channels"
    DATA_KEY = "data key"
    SIGNING_KEY = "signing key"
    TOPIC = "topic"
    QUEUE = "dead-letter queue"
    MACHINES = "state machines"
    EXECUTIONS = "executions"
    SCHEDULES = "schedules"
    SCHEDULE_ROLE = "role of schedules"
    LINK_SIGNER = "link signer"


@dataclass(frozen=True)
class Rights:
    """Name actions that a role needs in one place."""

    place: Place
    actions: tuple[str, ...]


def _of(service: str, place: Place, *names: str) -> Rights:
    return Rights(place, tuple(f"{service}:{name}" for name in names))


_RECORDS: Final = _of(
    "dynamodb", Place.TABLE, "BatchGetItem", "DeleteItem", "GetItem", "PutItem", "UpdateItem"
)
_LISTS: Final = _of("dynamodb", Place.INDEXES, "Query")
_BUCKET: Final = _of("s3", Place.BUCKET, "ListBucket", "ListBucketMultipartUploads")
_START: Final = _of("states", Place.MACHINES, "StartExecution")
_SEE: Final = _of("states", Place.EXECUTIONS, "DescribeExecution")
_STOP: Final = _of("states", Place.EXECUTIONS, "DescribeExecution", "StopExecution")
_READ_KEY: Final = _of("kms", Place.DATA_KEY, "Decrypt")
_KEY: Final = _of("kms", Place.DATA_KEY, "Decrypt", "GenerateDataKey")
_NOTICES: Final = _of("sns", Place.TOPIC, "Publish")
_SCHEDULES: Final = (
    _of(
        "scheduler",
        Place.SCHEDULES,
        "CreateSchedule",
        "DeleteSchedule",
        "GetSchedule",
        "UpdateSchedule",
    ),
    _of("iam", Place.SCHEDULE_ROLE, "PassRole"),
)
_CLEAR: Final = ("AbortMultipartUpload", "DeleteObject", "ListMultipartUploadParts")

RIGHTS: Final[Mapping[str, tuple[Rights, ...]]] = MappingProxyType(
    {
        "worker": (
            _RECORDS,
            _LISTS,
            _BUCKET,
            _of("s3", Place.OBJECTS, *_CLEAR, "GetObject", "PutObject"),
            _of(
                "secretsmanager",
                Place.SECRETS,
                "CreateSecret",
                "DeleteSecret",
                "GetSecretValue",
                "PutSecretValue",
                "RestoreSecret",
            ),
            _of("kms", Place.SIGNING_KEY, "Sign"),
            _KEY,
            _NOTICES,
        ),
        "api_handler": (
            _RECORDS,
            _LISTS,
            _BUCKET,
            _of("s3", Place.OBJECTS, *_CLEAR),
            _of(
                "secretsmanager",
                Place.SECRETS,
                "CreateSecret",
                "DeleteSecret",
                "PutSecretValue",
                "RestoreSecret",
            ),
            _of("secretsmanager", Place.CHANNEL_SECRETS, "GetSecretValue"),
            _KEY,
            _START,
            _STOP,
            _of("lambda", Place.LINK_SIGNER, "InvokeFunction"),
            *_SCHEDULES,
        ),
        "sweeper": (
            _RECORDS,
            _LISTS,
            _BUCKET,
            _of("s3", Place.OBJECTS, *_CLEAR, "GetObject"),
            _of("secretsmanager", Place.SECRETS, "DeleteSecret"),
            _KEY,
            _START,
            _STOP,
            _NOTICES,
            *_SCHEDULES,
            _of("scheduler", Place.SCHEDULES, "ListSchedules"),
        ),
        "scheduled_backup": (_RECORDS, _LISTS, _READ_KEY, _START, _SEE, *_SCHEDULES),
        "event_backup": (
            _RECORDS,
            _LISTS,
            _KEY,
            _START,
            _SEE,
            _of("sqs", Place.QUEUE, "SendMessage"),
        ),
        "gate": (_RECORDS, _LISTS, _READ_KEY, _START, _SEE),
        "gate_status": (_RECORDS, _LISTS, _READ_KEY, _START, _SEE),
        "link_signer": (
            _of("dynamodb", Place.TABLE, "GetItem", "PutItem", "UpdateItem"),
            _of("s3", Place.OBJECTS, "GetObject"),
            _READ_KEY,
        ),
    }
)
