"""Who does the long part of a run: this function, or a task that may outlive one.

One rule for all: what is at least as large as a machine sends to tasks goes there, and so does a
proof that does not fit the scratch at hand. A machine without tasks says 0: then all is tried here.
A proof that a migration waits for is refused where it cannot be made; any other is recorded as
unproven, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chalicelib.domain.backup import Backup, Trigger
from chalicelib.domain.errors import IntegrityFailed, NotFound, ScratchTooSmall
from chalicelib.domain.job import Job, JobKind
from chalicelib.services.run_backup import BackupRunner
from chalicelib.services.run_job import JobRunner
from chalicelib.services.run_restore import RestoreRunner

READS_ALL: Final = frozenset({JobKind.VERIFY, JobKind.PREFLIGHT})
"""Jobs that take as long as a backup is large; their deadlines are of hours."""


class Route(StrEnum):
    """Say who runs the long steps: this function, or a task that may outlive one."""

    FUNCTION = "function"
    TASK = "task"


@dataclass(frozen=True)
class Size:
    """Say how much there is to do, and what a proof of it takes of the scratch at hand."""

    database_bytes: int
    proof_bytes: int = 0
    scratch_bytes: int | None = None

    @property
    def fits(self) -> bool:
        """Whether the proof has room here; where nobody knows, it is tried."""
        return self.scratch_bytes is None or self.proof_bytes <= self.scratch_bytes


def route_of(size: Size, task_from_bytes: int) -> Route:
    """Decide who works on a database of this size."""
    if not task_from_bytes:
        return Route.FUNCTION
    is_large = task_from_bytes <= size.database_bytes or not size.fits
    return Route.TASK if is_large else Route.FUNCTION


def require_fitting_proof(size: Size) -> None:
    """Refuse a gate whose proof nobody here could make, before its database is read."""
    if not size.fits:
        raise ScratchTooSmall(
            f"the proof that the migration waits for needs about {size.proof_bytes} bytes of"
            f" scratch and {size.scratch_bytes} are free",
            hint="Give the worker more scratch, or subnets for tasks; or ask for no proof.",
        )


def backup_route(runner: BackupRunner, backup_id: str, task_from_bytes: int) -> Route:
    """Route a backup by what its source says of its size."""
    backup = runner.ledger.catalog.get(Backup, backup_id)
    is_gate = backup.trigger is Trigger.PRE_MIGRATION
    if not task_from_bytes and not is_gate:
        return Route.FUNCTION
    connection = runner.projects.connection(backup.project_id)
    found = runner.engine.estimate(connection, backup.options)
    size = Size(found.database_bytes, found.proof_bytes, found.scratch_bytes)
    route = route_of(size, task_from_bytes)
    if is_gate and route is Route.FUNCTION:
        require_fitting_proof(size)
    return route


def restore_route(runner: RestoreRunner, restore_id: str, task_from_bytes: int) -> Route:
    """Route a restore by the backup that it brings back."""
    restore = runner.restores.get(restore_id)
    backup = runner.ledger.catalog.get(Backup, restore.backup_id)
    return route_of(Size(_bytes_of(backup)), task_from_bytes)


def job_route(runner: JobRunner, job_id: str, task_from_bytes: int) -> Route:
    """Route a job by the backup that it reads as a whole; every other job is a function's."""
    job = runner.ledger.catalog.get(Job, job_id)
    if not task_from_bytes or job.status.is_terminal or job.job_kind not in READS_ALL:
        return Route.FUNCTION
    try:
        return route_of(_size_of(runner, job), task_from_bytes)
    except (IntegrityFailed, NotFound):
        # the run meets the same, and records it as its verdict
        return Route.FUNCTION


def _size_of(runner: JobRunner, job: Job) -> Size:
    backup = runner.ledger.catalog.get(Backup, job.arguments.backup_id or "")
    room = runner.proof_room(job, backup)
    if room is None:
        return Size(_bytes_of(backup))
    return Size(_bytes_of(backup), room.needed_bytes, room.free_bytes)


def _bytes_of(backup: Backup) -> int:
    # an archive is fetched or read whole; what it unpacks to takes the time
    return max(backup.raw_bytes or 0, backup.stored_bytes or 0)
