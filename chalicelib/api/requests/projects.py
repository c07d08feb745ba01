"""What callers may send about projects."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from chalicelib.api.requests.fields import (
    ONE_LINE,
    Body,
    OneLine,
    Password,
    TagMap,
    Url,
    changes_something,
)
from chalicelib.domain.backup import Asked
from chalicelib.domain.connection import SslMode, Text
from chalicelib.domain.proof import ASSERTION_TIMEOUT_S, MAX_ASSERTIONS, Assertion
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.whole_number import WHOLE

_NOT_BESIDE_URL: Final = ("host", "port", "database", "user", "password", "sslmode", "sslrootcert")
_BY_URL: Final[JsonDict] = {
    "required": ["url"],
    "properties": {
        "url": {"type": "string"},
        **{name: {"type": "null"} for name in _NOT_BESIDE_URL},
    },
}


class ConnectionFields(Body):
    """Say how to reach a database: either one URL, or fields."""

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
        if self.url is not None and self.connection_fields:
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


class ProjectCreate(CareFields):
    """Describe a new project; `all_databases` also makes one for each other database there."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {
                    "required": ["host"],
                    "properties": {"host": {"type": "string"}, "url": {"type": "null"}},
                },
            ],
            "examples": [
                {"url": "postgresql://backup:secret@db.example.org:5432/shop?sslmode=require"},
                {"name": "shop", "host": "db.example.org", "database": "shop", "user": "backup"},
            ],
        }
    )

    name: OneLine | None = None
    tags: TagMap = {}
    all_databases: bool = False

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.url is None and self.host is None:
            raise ValueError("give either url or host")
        return self


class ProjectPatch(CareFields):
    """Change a project; a field left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "minProperties": 1,
            "anyOf": [_BY_URL, {"properties": {"url": {"type": "null"}}}],
        }
    )

    name: OneLine | None = None
    tags: TagMap | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        return changes_something(self)
