"""A project's connection as forms hold it: one URL, or fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chalicelib.api.connections import checked, new_connection
from chalicelib.api.requests.fields import OneLine, PlatformKey
from chalicelib.api.requests.projects import ConnectionFields, ProjectPatch
from chalicelib.dashboard.forms import secret
from chalicelib.dashboard.tag_lines import TagLines
from chalicelib.domain.backup import Asked
from chalicelib.domain.connection import Connection, SslMode, Text
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.project import Project
from chalicelib.domain.supabase import Reached, SupabaseSettings
from chalicelib.domain.supabase_url import SupabasePlace, place_of, supabase_place
from chalicelib.services.projects import PlatformKeys

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
    access_token: PlatformKey | None = None
    storage_key: PlatformKey | None = None
    name: OneLine | None = None
    verification: Asked | None = None
    tags: TagLines = Field(default_factory=dict)

    @property
    def connection(self) -> ConnectionFields:
        """What was typed of the connection, as requests say it."""
        if self.url is not None:
            return ConnectionFields(url=self.url)
        return ConnectionFields(**{name: getattr(self, name) for name in PARTS})

    @property
    def keys(self) -> PlatformKeys:
        """What was typed of a Supabase project's keys."""
        return PlatformKeys(secret(self.access_token) or None, secret(self.storage_key) or None)

    @property
    def source(self) -> tuple[Connection, SupabaseSettings | None]:
        """What was typed of the place: a Supabase project where its keys or a page were given."""
        pasted = secret(self.url)
        place = supabase_place(pasted) if pasted else None
        is_page = place is not None and place.reached is Reached.RESOLVED
        if not is_page and self.keys == PlatformKeys():
            return new_connection(self.connection), None
        if place is None and not pasted:
            place = place_of(new_connection(self.connection))
        if place is None:
            raise InvalidRequest(
                "keys of Supabase go with one of its URLs or a project's reference", field="url"
            )
        return self._at(place, is_page=is_page)

    def _at(self, place: SupabasePlace, *, is_page: bool) -> tuple[Connection, SupabaseSettings]:
        role = {"user": self.user} if is_page and self.user else {}
        endpoint = place.endpoint.model_copy(update=role)
        connection = checked(Connection(endpoint, secret(self.password) or place.password))
        return connection, SupabaseSettings(ref=place.ref, reached=place.reached)

    @property
    def changes(self) -> ProjectPatch:
        """What was typed, as a change of a project; a root certificate left empty is taken away."""
        parts = ("url",) if self.url is not None else PARTS
        names = (*parts, "access_token", "storage_key", "verification", "tags")
        typed = {name: getattr(self, name) for name in names}
        return ProjectPatch(
            **{n: value for n, value in typed.items() if value is not None or n == "sslrootcert"}
        )


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
