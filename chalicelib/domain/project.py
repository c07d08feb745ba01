"""A project: what is backed up."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from chalicelib.domain.backup import Asked, Name, Tags
from chalicelib.domain.connection import Endpoint
from chalicelib.domain.proof import Assertions
from chalicelib.domain.record import Moment, Record
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.supabase import SupabaseSettings


class ProjectKind(StrEnum):
    """Say what stands behind a project."""

    POSTGRESQL = "postgresql"
    SUPABASE = "supabase"


class Project(Record):
    """Describe what is backed up: a database, or a Supabase project with its database.

    Its password and its keys lie in the secrets. Of a Supabase project that is reached as resolved,
    `endpoint` is the database's own address with the role, not where connections go.
    """

    kind: ClassVar[str] = "project"
    indexes: ClassVar[tuple[str, ...]] = ()

    name: Name
    project_kind: ProjectKind = ProjectKind.POSTGRESQL
    endpoint: Endpoint
    tags: Tags = {}
    verification: Asked | None = None
    assertions: Assertions = ()
    retention: RetentionPolicy | None = None
    supabase: SupabaseSettings | None = None
    created_at: Moment
    updated_at: Moment

    @property
    def secret_name(self) -> str:
        """The name of the password in the secrets."""
        return f"projects/{self.id}/password"

    @property
    def token_name(self) -> str:
        """The name of the Management API's token in the secrets."""
        return f"projects/{self.id}/access-token"

    @property
    def storage_key_name(self) -> str:
        """The name of the key to Storage in the secrets."""
        return f"projects/{self.id}/storage-key"

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The names of all that the secrets may hold of it."""
        if self.supabase is None:
            return (self.secret_name,)
        return (self.secret_name, self.token_name, self.storage_key_name)
