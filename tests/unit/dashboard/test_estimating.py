"""An estimate in the words of people."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.dashboard.estimating import foretold
from chalicelib.domain.backup import Asked, Backup, BackupOptions, Status
from tests.support.rollups import NOW

RESULT: dict[str, Any] = {
    "tables": 2, "table_bytes": 100, "large_objects": 0, "database_bytes": 8000,
    "locks": [], "transactions": [],
    "expected": {"seconds": 7.5, "basis": "median of 3 runs like it"},
}  # fmt: skip


def a_run(stored_bytes: int, **fields: object) -> Backup:
    given: dict[str, object] = {
        "id": f"01B{stored_bytes}", "project_id": "01P", "name": "n", "requested_by": "key:1",
        "created_at": NOW, "status": Status.COMPLETED, "duration_s": 1.0,
        "stored_bytes": stored_bytes,
    }  # fmt: skip
    return Backup.model_validate(given | fields)


def test_what_a_run_stores_is_expected_from_those_before_it() -> None:
    found = foretold(RESULT, BackupOptions(), [a_run(10), a_run(30), a_run(20)])

    assert (found.stored_bytes, found.stored_basis) == (20, "as 3 before it")


def test_runs_of_another_type_say_nothing_about_size() -> None:
    other = a_run(10, options=BackupOptions.model_validate({"type": "schema"}))

    found = foretold(RESULT, BackupOptions(), [other])

    assert (found.stored_bytes, found.stored_basis) == (None, "known after the first run")


@pytest.mark.parametrize(
    ("asked", "egress"), [(None, 100), (Asked.PROOF, 100), (Asked.STRICT, 200)]
)
def test_a_second_reading_leaves_the_server_twice(asked: Asked | None, egress: int) -> None:
    assert foretold(RESULT, BackupOptions(verification=asked), []).egress_bytes == egress


def test_who_stands_in_the_way_is_named() -> None:
    lock = {"relation": "shop.orders", "pid": 7, "granted": True, "user": "app", "state": "idle",
            "age_s": 61.0}  # fmt: skip
    waiting = {"pid": 9, "user": None, "state": None, "age_s": 3600.0}

    found = foretold(RESULT | {"locks": [lock], "transactions": [waiting]}, BackupOptions(), [])

    assert found.obstacles == (
        "session 7 holds a lock on shop.orders, for 1 min 1 s: the backup would wait for it",
        "session 9 has had a transaction open for 1 h",
    )
