"""A job: work the API asks a worker to do, because only workers reach sources and archives."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from chalicelib.domain.backup import Asked, BackupOptions, Status, Value
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.record import Moment, Record
from chalicelib.domain.restore import RestoreOptions, RestoreTarget


class JobKind(StrEnum):
    """Name what a job does."""

    TEST = "test"
    ESTIMATE = "estimate"
    DISCOVER = "discover"
    VERIFY = "verify"
    CONTENTS = "contents"
    ROWS = "rows"
    TEXT = "text"
    PREFLIGHT = "preflight"
    CHANNEL_TEST = "channel-test"


class RestoreArguments(Value):
    """Say which restore a preflight is about."""

    target: RestoreTarget
    options: RestoreOptions

    def secret_name(self, job_id: str) -> str:
        """Return the name of the target's password in the secrets, where no project keeps it."""
        return f"jobs/{job_id}/password"


class JobArguments(Value):
    """Hold what a job needs to know; which fields count depends on its kind."""

    options: BackupOptions | None = None
    backup_id: str | None = None
    restore: RestoreArguments | None = None
    table: str | None = None
    limit: int | None = None
    level: Asked | None = None
    channel_id: str | None = None
    artefact: str | None = None


class Job(Record):
    """One piece of work and its result; `result` is plain JSON whose shape the kind decides.

    What concerns the service itself has an empty project, which keys of some projects never see.
    """

    kind: ClassVar[str] = "job"
    indexes: ClassVar[tuple[str, ...]] = ("project_id", "status")

    job_kind: JobKind
    project_id: str
    arguments: JobArguments = JobArguments()
    status: Status = Status.PENDING
    requested_by: str
    created_at: Moment
    started_at: Moment | None = None
    completed_at: Moment | None = None
    deadline: Moment
    owner: str = ""
    result: dict[str, Any] | None = None
    error: ErrorInfo | None = None

    @property
    def reaches(self) -> str | None:
        """The id of the project whose database the job connects to; None where none is named."""
        asked = self.arguments.restore
        return self.project_id or None if asked is None else asked.target.project_id
