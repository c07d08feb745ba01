"""How a project stands, and the one sentence about all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.dashboard.health import Health, health_of, sentence_of
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.connection import Endpoint
from chalicelib.domain.project import Project

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PROJECT = Project(
    id="P", name="shop", endpoint=Endpoint(host="h", database="d"), created_at=NOW, updated_at=NOW
)


def _backup(status: Status, *, days: float = 0, validated: bool = True) -> Backup:
    return Backup(
        id="B",
        project_id="P",
        name="b",
        requested_by="t",
        created_at=NOW - timedelta(days=days),
        status=status,
        validated=validated and status is Status.COMPLETED,
    )


GOOD = _backup(Status.COMPLETED)
FAILED = _backup(Status.FAILED)


@pytest.mark.parametrize(
    ("backups", "expected"),
    [
        ([], Health.UNPROTECTED),
        ([_backup(Status.PENDING)], Health.UNPROTECTED),
        ([GOOD], Health.WELL),
        ([FAILED, GOOD], Health.FAILING),
        ([GOOD, FAILED], Health.WELL),
        ([_backup(Status.CANCELLED), GOOD], Health.WELL),
        ([_backup(Status.IN_PROGRESS), FAILED], Health.FAILING),
        ([_backup(Status.COMPLETED, validated=False)], Health.UNPROTECTED),
        ([_backup(Status.COMPLETED, days=8)], Health.STALE),
        ([_backup(Status.COMPLETED, days=6.9)], Health.WELL),
    ],
)
def test_a_project_is_judged_by_its_latest_backups(backups: list[Backup], expected: Health) -> None:
    assert health_of(PROJECT, backups, NOW).health is expected


@pytest.mark.parametrize(
    ("histories", "expected"),
    [
        ([], "Nothing is backed up yet."),
        ([[GOOD]], "Everything is all right. The project has a recent verified backup."),
        ([[GOOD]] * 2, "Everything is all right. All 2 projects have a recent verified backup."),
        ([[GOOD], [FAILED]], "One project failed to back up the last time."),
        (
            [[FAILED], [], [], [GOOD]],
            "One project failed to back up the last time and 2 projects have no verified backup.",
        ),
    ],
)
def test_one_sentence_says_how_all_stand(histories: list[list[Backup]], expected: str) -> None:
    found = [health_of(PROJECT, history, NOW) for history in histories]

    assert sentence_of(found) == expected
