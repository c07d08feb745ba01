"""Whether everything is all right: decided per project, then said in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.project import Project

STALE_AFTER: Final = timedelta(days=7)
"""Without a schedule nobody said how old is too old; few would lose a week of work."""


class Health(StrEnum):
    """Say how a project stands, the worst first."""

    FAILING = "failing"
    UNPROTECTED = "unprotected"
    STALE = "stale"
    WELL = "well"


@dataclass(frozen=True)
class ProjectHealth:
    """Say how one project stands, and by which of its backups."""

    project: Project
    health: Health
    last_verified: Backup | None
    latest: Backup | None
    running: Backup | None


def health_of(project: Project, backups: Sequence[Backup], now: datetime) -> ProjectHealth:
    """Judge a project by its latest backups, newest first.

    A failure counts until something newer completed; a cancelled run says nothing either way.
    """
    ended = [one for one in backups if one.status in {Status.COMPLETED, Status.FAILED}]
    verified = next((one for one in ended if one.validated), None)
    latest = ended[0] if ended else None
    running = next((one for one in backups if not one.status.is_terminal), None)
    return ProjectHealth(project, _health(verified, latest, now), verified, latest, running)


def tells_enough(backups: Sequence[Backup]) -> bool:
    """Tell whether older backups could change nothing of the judgement."""
    ended = [one for one in backups if one.status in {Status.COMPLETED, Status.FAILED}]
    return any(one.validated for one in ended)


def sentence_of(found: Sequence[ProjectHealth]) -> str:
    """Say in one sentence how all projects stand."""
    if not found:
        return "Nothing is backed up yet."
    counts = {health: sum(1 for one in found if one.health is health) for health in Health}
    parts = [
        f"{_projects(counts[health])} {words[counts[health] > 1]}"
        for health, words in _WORDS.items()
        if counts[health]
    ]
    if parts:
        text = _joined(parts)
        return text[:1].upper() + text[1:] + "."
    whose = "The project has" if len(found) == 1 else f"All {len(found)} projects have"
    return f"Everything is all right. {whose} a recent verified backup."


_WORDS: Final = {
    Health.FAILING: ("failed to back up the last time", "failed to back up the last time"),
    Health.UNPROTECTED: ("has no verified backup", "have no verified backup"),
    Health.STALE: (
        "has no verified backup of the last 7 days",
        "have no verified backup of the last 7 days",
    ),
}


def _health(verified: Backup | None, latest: Backup | None, now: datetime) -> Health:
    # before all else: an old good backup must not hide that new ones fail
    if latest is not None and latest.status is Status.FAILED:
        return Health.FAILING
    if verified is None:
        return Health.UNPROTECTED
    return Health.STALE if now - verified.created_at > STALE_AFTER else Health.WELL


def _projects(count: int) -> str:
    return "one project" if count == 1 else f"{count} projects"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
