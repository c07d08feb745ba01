"""What callers may send about projects."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from chalicelib.api.requests.fields import (
    ONE_LINE,
    Body,
    OneLine,
    Password,
    Patch,
    PlatformKey,
    TagMap,
    Url,
)
from chalicelib.domain.backup import Asked, Component
from chalicelib.domain.connection import SslMode, Text
from chalicelib.domain.project import ProjectKind
from chalicelib.domain.proof import ASSERTION_TIMEOUT_S, MAX_ASSERTIONS, Assertion
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.supabase import ApiUrl, ProjectRef, StorageAccess, WhenObjectGone
from chalicelib.domain.whole_number import WHOLE
from chalicelib.services.projects import PlatformKeys

_NOT_BESIDE_URL: Final = ("host", "port", "database", "user", "sslmode", "sslrootcert")
_BY_URL: Final[JsonDict] = {
    "required": ["url"],
    "properties": {
        "url": {"type": "string"},
        **{name: {"type": "null"} for name in _NOT_BESIDE_URL},
    },
}


class ConnectionFields(Body):
    """Say how to reach a database: either one URL, or fields.

    The password may stand in the URL or beside it, as providers show URLs without one.
    """

    url: Url | None = None
    host: Text | None = None
    port: Annotated[int, Field(ge=1, le=65535), WHOLE] | None = None
    database: Text | None = None
    user: Text | None = None
    password: Password | None = None
    sslmode: SslMode | None = None
    sslrootcert: Annotated[str, Field(max_length=1024, pattern=ONE_LINE)] | None = None

    @model_validator(mode="after")
    def _url_or_fields(self) -> Self:
        if self.url is not None and self.connection_fields - {"password"}:
            raise ValueError("url stands alone: leave out host, port, user and the like")
        return self

    @property
    def connection_fields(self) -> frozenset[str]:
        """The names of the single fields that were given."""
        given = {name for name in ConnectionFields.model_fields if getattr(self, name) is not None}
        return frozenset(given - {"url"})


class AssertionFields(Body):
    """State in SQL what must hold in every restored copy.

    Without `rows` the query must give one row with the one value true; with it, so many rows.
    """

    name: OneLine
    sql: Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"^[^\x00]+$")]
    rows: Annotated[int, Field(ge=0), WHOLE] | None = None
    timeout_s: Annotated[int, Field(ge=1, le=600), WHOLE] = ASSERTION_TIMEOUT_S


def named_once(given: tuple[AssertionFields, ...]) -> tuple[AssertionFields, ...]:
    """Refuse two assertions of one name."""
    if len({one.name for one in given}) != len(given):
        raise ValueError("two assertions have the same name")
    return given


AssertionList = Annotated[tuple[AssertionFields, ...], Field(max_length=MAX_ASSERTIONS)]


class CareFields(ConnectionFields):
    """Say how backups of a project are proven and how long they are kept."""

    verification: Asked | None = None
    retention: RetentionPolicy | None = None
    assertions: Annotated[AssertionList, AfterValidator(named_once)] | None = None

    @property
    def stated(self) -> tuple[Assertion, ...] | None:
        """The assertions as the domain knows them; None when none were given."""
        if self.assertions is None:
            return None
        return tuple(Assertion.model_validate(one.model_dump()) for one in self.assertions)


ComponentList = Annotated[tuple[Component, ...], Field(min_length=1, max_length=6)]


class PlatformFields(CareFields):
    """Say what opens a Supabase project, and what of it is backed up."""

    access_token: PlatformKey | None = None
    storage_key: PlatformKey | None = None
    storage_access: StorageAccess | None = None
    components: ComponentList | None = None
    optional: Annotated[tuple[Component, ...], Field(max_length=6)] | None = None
    short_lived_auth: bool | None = None
    when_object_gone: WhenObjectGone | None = None

    @property
    def platform_fields(self) -> frozenset[str]:
        """The names of those that were given."""
        return frozenset(name for name in PLATFORM_NAMES if getattr(self, name) is not None)

    @property
    def platform_settings(self) -> dict[str, object]:
        """Those that the settings of a project hold; keys are not among them."""
        given = self.platform_fields - {"access_token", "storage_key"}
        return {name: getattr(self, name) for name in given}

    @property
    def platform_keys(self) -> PlatformKeys:
        """The keys that were given."""
        token, key = self.access_token, self.storage_key
        return PlatformKeys(
            token.get_secret_value() if token else None, key.get_secret_value() if key else None
        )


PLATFORM_NAMES: Final = frozenset(PlatformFields.model_fields) - frozenset(CareFields.model_fields)
NOT_SUPABASE: Final = "fields of a Supabase project are for projects of kind supabase"
_RESOLVED: Final = ("host", "port", "database", "sslmode", "sslrootcert")
_PLAIN: Final[JsonDict] = {
    "required": ["host"],
    "properties": {
        "kind": {"const": ProjectKind.POSTGRESQL.value},
        "host": {"type": "string"},
        "url": {"type": "null"},
        **{name: {"type": "null"} for name in sorted({"ref", "api_url", *PLATFORM_NAMES})},
    },
}
_SUPABASE: Final[JsonDict] = {
    "required": ["kind", "ref"],
    "properties": {
        "kind": {"const": ProjectKind.SUPABASE.value},
        "ref": {"type": "string"},
        "url": {"type": "null"},
        "all_databases": {"const": False},
        **{name: {"type": "null"} for name in _RESOLVED},
    },
}


class ProjectCreate(PlatformFields):
    """Describe a new project; `all_databases` also makes one for each other database there.

    A Supabase project takes its reference, or any of its connection URLs as `url`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [_PLAIN, _SUPABASE],
            "examples": [
                {"url": "postgresql://backup:secret@db.example.org:5432/shop?sslmode=require"},
                {"name": "shop", "host": "db.example.org", "database": "shop", "user": "backup"},
                {"kind": "supabase", "ref": "abcdefghijklmnopqrst", "password": "secret"},
            ],
        }
    )

    kind: ProjectKind = ProjectKind.POSTGRESQL
    ref: ProjectRef | None = None
    api_url: ApiUrl | None = None
    name: OneLine | None = None
    tags: TagMap = {}
    all_databases: bool = False

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.kind is ProjectKind.SUPABASE:
            return self._of_supabase()
        if self.ref is not None or self.api_url is not None or self.platform_fields:
            raise ValueError(NOT_SUPABASE)
        if self.url is None and self.host is None:
            raise ValueError("give either url or host")
        return self

    def _of_supabase(self) -> Self:
        if self.url is None and self.ref is None:
            raise ValueError("give the reference of the Supabase project, or one of its URLs")
        if self.connection_fields & frozenset(_RESOLVED):
            raise ValueError("host and the like of a Supabase project are found by its reference")
        if self.all_databases:
            raise ValueError("a Supabase project has one database")
        return self


class ProjectPatch(Patch, PlatformFields):
    """Change a project; a field left out stays as it is, null takes away what may be missing."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {"verification", "retention", "sslrootcert", "access_token", "storage_key"}
    )
    model_config = ConfigDict(
        json_schema_extra={"anyOf": [_BY_URL, {"properties": {"url": {"type": "null"}}}]}
    )

    name: OneLine | None = None
    tags: TagMap | None = None
