"""Promises of what the gate says before it begins."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.cli.gate_preflight import preflight_lines

ESTIMATE = {"tables": 3, "table_bytes": 2_000_000, "locks": [], "transactions": []}
LOCK = {
    "relation": "app.orders",
    "pid": 4711,
    "granted": True,
    "user": "me",
    "state": "idle in transaction",
    "age_s": 125.0,
}


def told(**changes: Any) -> list[str]:
    return preflight_lines({**ESTIMATE, **changes})


def test_a_free_database_is_said_to_be_free() -> None:
    assert told() == [
        "preflight: 3 tables of 2.0 MB",
        "preflight: nobody holds a lock that a dump waits for",
    ]


def test_the_time_is_told_with_what_it_is_taken_from() -> None:
    lines = told(expected={"seconds": 90, "basis": "median of 5 runs like it"})

    assert lines[0] == "preflight: 3 tables of 2.0 MB, about 1 min 30 s (median of 5 runs like it)"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "pid 4711 (me, idle in transaction, for 2 min 5 s) holds an"),
        ({"granted": False}, "pid 4711 (me, idle in transaction, for 2 min 5 s) waits for an"),
        ({"user": None, "state": None, "age_s": None}, "pid 4711 holds an"),
        ({"pid": None, "user": None, "age_s": None}, "a prepared transaction holds an"),
    ],
)
def test_a_lock_is_told_with_whoever_has_it(changes: dict[str, Any], said: str) -> None:
    (_, line) = told(locks=[{**LOCK, **changes}])

    assert line == (f"preflight: {said} exclusive lock on app.orders, which the dump will wait for")


def test_a_transaction_that_lasts_is_told() -> None:
    (_, line) = told(transactions=[{"pid": 7, "user": "me", "state": "active", "age_s": 61}])

    assert line == "preflight: pid 7 (me, active, for 1 min 1 s) has a transaction open"


def test_an_estimate_of_an_older_service_is_told_as_far_as_it_goes() -> None:
    assert preflight_lines({"tables": 1, "table_bytes": 10})[0] == "preflight: 1 tables of 10 B"
