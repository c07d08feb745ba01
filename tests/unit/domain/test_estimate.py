"""Promises of the expectation how long a backup takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.backup import Asked, Backup, BackupOptions, BackupType, Compression, Status
from chalicelib.domain.estimate import expected, is_similar


def run(duration_s: float | None = 10.0, **changes: Any) -> Backup:
    values: dict[str, Any] = {
        "id": "01B",
        "project_id": "01P",
        "name": "shop",
        "requested_by": "key:1",
        "status": Status.COMPLETED,
        "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        "duration_s": duration_s,
        "compression": Compression.GZIP,
    }
    return Backup.model_validate(values | changes)


def test_one_odd_run_does_not_move_the_expectation() -> None:
    found = expected([run(10), run(900), run(12), run(11), run(10)], 0)

    assert (found.seconds, found.basis) == (11, "median of 5 runs like it")


def test_only_the_last_runs_count() -> None:
    assert expected([*[run(10)] * 5, *[run(900)] * 50], 0).seconds == 10


def test_without_runs_the_size_decides() -> None:
    small, large = expected([], 10**6), expected([], 10**10)

    assert small.seconds < 10 < large.seconds
    assert "never run before" in large.basis


@pytest.mark.parametrize(
    ("asked", "changes", "similar"),
    [
        ({}, {}, True),
        ({"compression": "gzip"}, {}, True),
        ({"compression": "zstd"}, {}, False),
        ({"type": "schema"}, {}, False),
        ({"type": "schema"}, {"options": BackupOptions(type=BackupType.SCHEMA)}, True),
        ({"verification": "proof"}, {}, False),
        ({"verification": "proof"}, {"options": BackupOptions(verification=Asked.PROOF)}, True),
        ({"verification": "archive"}, {"options": BackupOptions()}, True),
        ({}, {"status": Status.FAILED}, False),
        ({}, {"duration_s": None}, False),
    ],
)
def test_a_run_counts_that_did_as_much(
    asked: dict[str, Any], changes: dict[str, Any], *, similar: bool
) -> None:
    options = BackupOptions.model_validate(asked)

    assert is_similar(run(**changes), options) is similar
