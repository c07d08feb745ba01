"""An execution: one run of a worker, as a workflow knows it."""

from __future__ import annotations

from enum import StrEnum


class Work(StrEnum):
    """Name what an execution works on."""

    BACKUP = "backup"
    JOB = "job"
    RESTORE = "restore"
    NOTICES = "notices"
