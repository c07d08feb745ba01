"""A project's connection as forms hold it: one URL, or fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chalicelib.api.requests.fields import OneLine
from chalicelib.api.requests.projects import ConnectionFields
from chalicelib.dashboard.tag_lines import TagLines
from chalicelib.domain.backup import Asked
from chalicelib.domain.connection import SslMode, Text
from chalicelib.domain.project import Project

PARTS = ("host", "port", "database", "user", "password", "sslmode", "sslrootcert")


class ProjectFields(BaseModel):
    """Hold what was typed of a project; a URL goes before the fields."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[SecretStr, Field(max_length=4096)] | None = None
    host: Text | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    database: Text | None = None
    user: Text | None = None
    password: Annotated[SecretStr, Field(max_length=1024)] | None = None
    sslmode: SslMode | None = None
    sslrootcert: Annotated[str, Field(max_length=1024)] | None = None
    name: OneLine | None = None
    verification: Asked | None = None
    tags: TagLines = Field(default_factory=dict)

    @property
    def connection(self) -> ConnectionFields:
        """What was typed of the connection, as requests say it."""
        if self.url is not None:
            return ConnectionFields(url=self.url)
        return ConnectionFields(**{name: getattr(self, name) for name in PARTS})


def written(project: Project) -> dict[str, str]:
    """Return what the fields show of a project before anybody typed; never its password."""
    endpoint = project.endpoint
    return {
        "host": endpoint.host,
        "port": str(endpoint.port),
        "database": endpoint.database,
        "user": endpoint.user,
        "sslmode": endpoint.sslmode,
        "sslrootcert": endpoint.sslrootcert or "",
        "name": project.name,
        "verification": project.verification or "archive",
        "tags": "\n".join(f"{name}={value}" for name, value in project.tags.items()),
    }
