"""What callers see of projects."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from chalicelib.api.views.answers import PageView, View
from chalicelib.domain.backup import Asked
from chalicelib.domain.connection import SslMode
from chalicelib.domain.project import Project, ProjectKind
from chalicelib.domain.proof import Assertion
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.supabase import SupabaseSettings


class ProjectView(View):
    """Show a project, never its password or its keys."""

    id: str
    name: str
    kind: ProjectKind
    host: str
    port: int
    database: str
    user: str
    sslmode: SslMode
    sslrootcert: str | None
    tags: dict[str, str]
    verification: Asked | None
    assertions: tuple[Assertion, ...]
    retention: RetentionPolicy | None
    supabase: SupabaseSettings | None
    created_at: datetime
    updated_at: datetime
    discover_job_id: str | None = None

    @classmethod
    def of(cls, project: Project, *, discover_job_id: str | None = None) -> Self:
        """Show this project; the job is named only by the answer to its creation."""
        endpoint = project.endpoint
        return cls(
            id=project.id,
            name=project.name,
            kind=project.project_kind,
            host=endpoint.host,
            port=endpoint.port,
            database=endpoint.database,
            user=endpoint.user,
            sslmode=endpoint.sslmode,
            sslrootcert=endpoint.sslrootcert,
            tags=project.tags,
            verification=project.verification,
            assertions=project.assertions,
            retention=project.retention,
            supabase=project.supabase,
            created_at=project.created_at,
            updated_at=project.updated_at,
            discover_job_id=discover_job_id,
        )


class ProjectPage(PageView):
    """Show one page of projects, newest first."""

    items: tuple[ProjectView, ...]
