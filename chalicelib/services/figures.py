"""What is measured: one set of figures for each backup that ends and each run that was missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.record import Insert, Replace, Write

MISSED: Final = "backup.missed"
ENDINGS: Final = {f"backup.{status}": status for status in Status if status.is_terminal}


@dataclass(frozen=True)
class Figures:
    """Hold figures by name, in the unit the name says, and what they are grouped by."""

    values: dict[str, float]
    dimensions: dict[str, str]


Measure = Callable[[Figures], None]


def unmeasured(figures: Figures) -> None:
    """Keep nothing."""
    del figures


def figures_of(writes: Sequence[Write]) -> Figures | None:
    """Return what a commit is worth measuring: that a backup ended, how, and with what.

    Whoever ends a backup (worker, sweeper, a person) writes its audit event in the same commit, so
    that a backup is counted once.
    """
    for ended in _endings(writes):
        for write in writes:
            if isinstance(write, Replace) and isinstance(write.record, Backup):
                return _figures(write.record, ended)
    return None


def missed_figures(writes: Sequence[Write]) -> Figures | None:
    """Return how many runs of schedules a commit says were missed; None where it says none was.

    Whoever settles a run writes the audit event in the same commit, so a run is counted once.
    """
    inserted = [write.record for write in writes if isinstance(write, Insert)]
    missed = sum(
        int(record.details["missed_count"])
        for record in inserted
        if isinstance(record, AuditEvent) and record.action == MISSED
    )
    return Figures({"RunsMissedCount": float(missed)}, {}) if missed else None


def _endings(writes: Sequence[Write]) -> list[Status]:
    inserted = [write.record for write in writes if isinstance(write, Insert)]
    actions = [record.action for record in inserted if isinstance(record, AuditEvent)]
    return [ENDINGS[action] for action in actions if action in ENDINGS]


def _figures(backup: Backup, ended: Status) -> Figures:
    values = {f"Backups{ended.title()}Count": 1.0}
    if ended is Status.COMPLETED:
        measured = {
            "BackupDurationSeconds": backup.duration_s,
            "BackupStoredBytes": backup.stored_bytes,
            "BackupRawBytes": backup.raw_bytes,
        }
        values |= {name: float(value) for name, value in measured.items() if value is not None}
    return Figures(values, {"trigger": backup.trigger.value})
