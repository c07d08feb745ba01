"""The one table of the catalog: its keys, its indexes, and what is asked of it.

A record is one item under `pk` = kind#id, with its document as JSON and its revision. Progress and
other heartbeats are records, and so items, of their own.

    what is asked (design 5 and 7)                      how it is served
    --------------------------------------------------  ------------------------------------------
    a record by kind and id                             GetItem pk, consistent
    projects, keys, backups, audit: all, newest first   Query by_kind: kind, id descending
    backups and jobs of a project                       Query by_x0: backup#project_id#<project>
    backups and jobs by status (API, sweeper)           Query by_x1: backup#status#<status>
    backups with a chore (sweeper)                      Query by_x2: backup#chore#<chore>
    backups of a schedule                               Query by_x3: backup#schedule_id#<schedule>
    schedules of a project                              Query by_x0
    runs that are due: by state, up to a moment         Query by_x0 of expected-run, bound of id:
                                                          it begins with the second of the run
    the run in front of another of its lane             Query by_x2 of expected-run, id descending
    restores of a project, of a backup, by status,      Query by_x0, by_x1, by_x2,
      with a chore (sweeper)                              by_x3
    links of a backup, audit of a subject,              Query by_x0
      waiting notices, idempotency keys of a day
    audit of a project                                  Query by_x1
    from, to, next page                                 bounds of id: a ULID begins with its time
    type, trigger, text                                 a filter of ours over at most MAX_SCAN items
    a move with its audit event and notices             TransactWriteItems, all or none
    progress, once a second                             UpdateItem of the one item

`x0` to `x3` are the kind's `indexes` in their order; an item without a value is not in that
index. All indexes hold keys only: a write that moves nothing in a list (progress, a lease, a
counter) costs no index write, and a list reads each record as it now stands.

`by_kind` puts all records of a kind into one partition, which takes 1,000 writes a second: audit
events come closest, and one of them belongs to a move that takes a worker seconds at least.
Time to live (`gone_at`) is a broom for what the sweeper missed. No read and no decision looks at
it, because DynamoDB may take days.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

PK: Final = "pk"
KIND: Final = "kind"
ID: Final = "id"
REVISION: Final = "revision"
DOCUMENT: Final = "document"
SLOTS: Final = ("x0", "x1", "x2", "x3")
"""Attributes for a kind's indexes, by position; a kind has at most so many."""
TTL_ATTRIBUTE: Final = "gone_at"

BY_KIND: Final = "by_kind"
BY_SLOT: Final = MappingProxyType({slot: f"by_{slot}" for slot in SLOTS})


def table_definition(name: str) -> dict[str, Any]:
    """Return the arguments of CreateTable; the template deploys the same."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in (PK, KIND, ID, *SLOTS)
        ],
        "KeySchema": [{"AttributeName": PK, "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [
            _index(BY_KIND, KIND),
            *(_index(index, slot) for slot, index in BY_SLOT.items()),
        ],
    }


def ttl_definition(name: str) -> dict[str, Any]:
    """Return the arguments of UpdateTimeToLive."""
    specification = {"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
    return {"TableName": name, "TimeToLiveSpecification": specification}


def _index(name: str, hash_attribute: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": hash_attribute, "KeyType": "HASH"},
            {"AttributeName": ID, "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
