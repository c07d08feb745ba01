"""Read only what retention needs of backups and schedules.

An outline is another, narrower reading of a stored record: of the same kind, with the same indexes,
and far cheaper than the whole. It is never written back.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from chalicelib.domain.backup import (
    Backup,
    BackupType,
    Chore,
    Compression,
    Format,
    Status,
)
from chalicelib.domain.record import Id, Moment, Record
from chalicelib.domain.retention.facts import BackupFacts, Standing
from chalicelib.domain.retention.policy import RetentionPolicy

_NARROW = ConfigDict(frozen=True, extra="ignore")
_STANDINGS = {
    Status.PENDING: Standing.RUNNING,
    Status.IN_PROGRESS: Standing.RUNNING,
    Status.FAILED: Standing.FAILED,
    Status.CANCELLED: Standing.CANCELLED,
}


class OptionsOutline(BaseModel):
    """Say which part of a database is taken."""

    model_config = _NARROW

    type: BackupType = BackupType.FULL


class BackupOutline(Record):
    """Hold of a backup what retention judges it by."""

    model_config = _NARROW

    kind: ClassVar[str] = Backup.kind
    indexes: ClassVar[tuple[str, ...]] = Backup.indexes

    project_id: Id
    schedule_id: str | None = None
    created_at: Moment
    options: OptionsOutline = OptionsOutline()
    format: Format | None = None
    compression: Compression | None = None
    status: Status = Status.PENDING
    validated: bool = False
    stored_bytes: int | None = None
    rows: int | None = None
    parent_id: str | None = None
    locked: bool = False
    hold_until: Moment | None = None
    chore: Chore | None = None

    @property
    def standing(self) -> Standing:
        """What the backup is worth to retention."""
        validated = Standing.VALIDATED if self.validated else Standing.UNVALIDATED
        return _STANDINGS.get(self.status, validated)

    @property
    def facts(self) -> BackupFacts:
        """What retention judges."""
        kind = self.options.type.value
        return BackupFacts(
            id=self.id,
            created_at=self.created_at,
            standing=self.standing,
            type=kind,
            make=f"{kind} {self.format} {self.compression}",
            stored_bytes=self.stored_bytes or 0,
            rows=self.rows,
            locked=self.locked,
            hold_until=self.hold_until,
            parent_id=self.parent_id,
        )


def outline_of(backup: Backup) -> BackupOutline:
    """Return the outline of a backup that was read as a whole."""
    return BackupOutline.model_validate(backup.model_dump())


class TagOutline(BaseModel):
    """Name all projects that carry this tag."""

    model_config = _NARROW

    name: str
    value: str


class ScheduleOutline(Record):
    """Hold of a schedule which projects it is for, and how their backups are kept."""

    model_config = _NARROW

    kind: ClassVar[str] = "schedule"
    indexes: ClassVar[tuple[str, ...]] = ("project_id",)

    project_id: str | None = None
    project_tag: TagOutline | None = None
    timezone: str = "UTC"
    retention: RetentionPolicy | None = None

    def is_for(self, project_id: str, tags: dict[str, str]) -> bool:
        """Tell whether backups of this project come from this schedule."""
        if self.project_tag is not None:
            return tags.get(self.project_tag.name) == self.project_tag.value
        return self.project_id == project_id
