"""A project: what is backed up."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from chalicelib.domain.backup import Asked, Name, Tags
from chalicelib.domain.connection import Endpoint
from chalicelib.domain.proof import Assertions
from chalicelib.domain.record import Moment, Record
from chalicelib.domain.retention.policy import RetentionPolicy


class ProjectKind(StrEnum):
    """Say what stands behind a project."""

    POSTGRESQL = "postgresql"


class Project(Record):
    """Describe one database; its password lies in the secrets under `secret_name`."""

    kind: ClassVar[str] = "project"
    indexes: ClassVar[tuple[str, ...]] = ()

    name: Name
    project_kind: ProjectKind = ProjectKind.POSTGRESQL
    endpoint: Endpoint
    tags: Tags = {}
    verification: Asked | None = None
    assertions: Assertions = ()
    retention: RetentionPolicy | None = None
    created_at: Moment
    updated_at: Moment

    @property
    def secret_name(self) -> str:
        """The name of the password in the secrets."""
        return f"projects/{self.id}/password"
