"""What callers may send about retention."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, model_validator

from chalicelib.api.requests.fields import Body, RecordId
from chalicelib.domain.retention.policy import RetentionPolicy


class ScopeFields(Body):
    """Name the backups of a project, or those of a schedule.

    A schedule for many projects goes with the project that is meant.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("project_id", "schedule_id")
            ]
        }
    )

    project_id: RecordId | None = None
    schedule_id: RecordId | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.project_id is None and self.schedule_id is None:
            raise ValueError("give project_id or schedule_id")
        return self


class RetentionPreviewRequest(ScopeFields):
    """Ask what retention would do now; with `policy`, what it would do under that one."""

    policy: RetentionPolicy | None = None


class RetentionAcceptRequest(ScopeFields):
    """Say that somebody looked at the backups and found them right."""
