"""What callers may send: bodies and queries, bounded in every field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic.config import JsonDict

from chalicelib.domain.access import Role
from chalicelib.domain.backup import (
    Asked,
    BackupOptions,
    BackupType,
    Component,
    Compression,
    Format,
    Status,
    Trigger,
)
from chalicelib.domain.connection import SslMode, Text
from chalicelib.domain.contents import MAX_ROWS
from chalicelib.domain.link import MAX_LIFETIME
from chalicelib.domain.proof import ASSERTION_TIMEOUT_S, MAX_ASSERTIONS, Assertion
from chalicelib.domain.restore import (
    MAX_JOBS,
    ObjectName,
    RestoreOptions,
    SchemaName,
    Selection,
)
from chalicelib.services.jobs import MAX_WAIT_S
from chalicelib.services.links import DEFAULT_LIFETIME

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Ids carry their time of making since the epoch, so no filter can ask for an earlier one."""

_ONE_LINE: Final = r"^[^\x00-\x1f\x7f]+$"
_LINES: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

OneLine = Annotated[str, Field(min_length=1, max_length=200, pattern=_ONE_LINE)]
Lines = Annotated[str, Field(max_length=2000, pattern=_LINES)]
RecordId = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,64}$")]
TagName = Annotated[str, Field(min_length=1, max_length=64, pattern=_ONE_LINE)]
TagValue = Annotated[str, Field(max_length=256, pattern=_LINES)]
# Of a key, pydantic writes the pattern into the schema, not its length, nor that no other goes.
_TAG_NAMES: Final = {"additionalProperties": False, "propertyNames": {"maxLength": 64}}
TagMap = Annotated[dict[TagName, TagValue], Field(max_length=32, json_schema_extra={**_TAG_NAMES})]
Password = Annotated[
    SecretStr, Field(max_length=1024, json_schema_extra={"pattern": r"^[^\x00\r\n]*$"})
]
Url = Annotated[SecretStr, Field(min_length=1, max_length=4096)]


def _iso_text(value: object) -> object:
    # pydantic also reads numbers as seconds or milliseconds since the epoch, by their size
    if not isinstance(value, str) or value[4:5] != "-":
        raise ValueError("should be a date and time with offset, as 2026-01-31T12:00:00Z")
    return value


def _since_epoch(value: datetime) -> datetime:
    if value < EPOCH:
        raise ValueError("should not be before 1970")
    return value


def _whole(value: object) -> object:
    # JSON has one kind of number: 60.0 is as whole as 60, and JSON Schema says so too.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


_WHOLE: Final = BeforeValidator(_whole)

# Not strict, because behind a validator of ours a text no longer counts as JSON's form of a time.
Instant = Annotated[
    AwareDatetime,
    Field(strict=False),
    BeforeValidator(_iso_text),
    AfterValidator(_since_epoch),
]


class Body(BaseModel):
    """Be a JSON body: no unknown fields, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


B = TypeVar("B", bound=Body)


class QueryString(BaseModel):
    """Be a query: no unknown parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Body):
    """Be the body of requests that need none."""


class ConnectionFields(Body):
    """Say how to reach a database: either one URL, or fields."""

    url: Url | None = None
    host: Text | None = None
    port: Annotated[int, Field(ge=1, le=65535), _WHOLE] | None = None
    database: Text | None = None
    user: Text | None = None
    password: Password | None = None
    sslmode: SslMode | None = None
    sslrootcert: Annotated[str, Field(max_length=1024, pattern=_ONE_LINE)] | None = None

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
    rows: Annotated[int, Field(ge=0), _WHOLE] | None = None
    timeout_s: Annotated[int, Field(ge=1, le=600), _WHOLE] = ASSERTION_TIMEOUT_S


AssertionList = Annotated[tuple[AssertionFields, ...], Field(max_length=MAX_ASSERTIONS)]


def named_once(given: tuple[AssertionFields, ...]) -> tuple[AssertionFields, ...]:
    """Refuse two assertions of one name."""
    if len({one.name for one in given}) != len(given):
        raise ValueError("two assertions have the same name")
    return given


class ProofFields(ConnectionFields):
    """Say how backups of a project are proven."""

    verification: Asked | None = None
    assertions: Annotated[AssertionList, AfterValidator(named_once)] | None = None

    @property
    def stated(self) -> tuple[Assertion, ...] | None:
        """The assertions as the domain knows them; None when none were given."""
        if self.assertions is None:
            return None
        return tuple(Assertion.model_validate(one.model_dump()) for one in self.assertions)


_NOT_BESIDE_URL: Final = ("host", "port", "database", "user", "password", "sslmode", "sslrootcert")
_BY_URL: Final[JsonDict] = {
    "required": ["url"],
    "properties": {
        "url": {"type": "string"},
        **{name: {"type": "null"} for name in _NOT_BESIDE_URL},
    },
}


class ProjectCreate(ProofFields):
    """Describe a new project; `all_databases` also makes one for each other database there."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                _BY_URL,
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


class ProjectPatch(ProofFields):
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
        return _changes_something(self)


class OptionFields(Body):
    """Say which part of a database to take and how; None leaves the choice to the engine."""

    type: BackupType = BackupType.FULL
    compression: Compression | None = None
    format: Format | None = None
    components: Annotated[tuple[Component, ...], Field(min_length=1, max_length=6)] = (
        Component.DATABASE,
    )
    engine: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")] = "auto"
    verification: Asked | None = None

    @property
    def options(self) -> BackupOptions:
        """The options as the domain knows them."""
        return BackupOptions(
            type=self.type,
            compression=self.compression,
            format=self.format,
            components=self.components,
            engine=self.engine,
            verification=self.verification,
        )


class EstimateRequest(OptionFields):
    """Ask how large a backup would be."""


class BackupRequest(OptionFields):
    """Ask for a backup."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project_id": "01JD0000000000000000000000",
                    "compression": "zstd",
                    "trigger": "pre-migration",
                    "tags": {"migration": "0042", "git": "4f2d9c1"},
                }
            ]
        }
    )

    project_id: RecordId
    name: OneLine | None = None
    description: Lines = ""
    trigger: Trigger = Trigger.MANUAL
    tags: TagMap = {}


class BackupPatch(Body):
    """Change what people say of a backup; a field left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    name: OneLine | None = None
    description: Lines | None = None
    tags: TagMap | None = None
    locked: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        return _changes_something(self)


class VerifyRequest(Body):
    """Ask for a verification; `proof` is by digests, `archive` reads the dump without a restore."""

    level: Asked = Asked.ARCHIVE


class RowsRequest(Body):
    """Ask for the first rows of a table."""

    limit: Annotated[int, Field(ge=1, le=MAX_ROWS), _WHOLE] = 20


class RestoreTargetFields(ConnectionFields):
    """Say where to restore to: a project's database, or any other by URL or fields."""

    project_id: RecordId | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        somewhere = self.url is not None or self.host is not None
        named = somewhere or bool(self.connection_fields)
        if (self.project_id is not None) == named or named is not somewhere:
            raise ValueError("give either project_id, or url, or host and the like")
        return self


class RestoreRequest(Body):
    """Ask for a restore, or for its preflight.

    Tables are written as PostgreSQL prints them: `public.orders`, `"odd.schema"."Name"`. `clean`
    drops what the backup brings before it restores; it needs `confirmation`, which names the
    target as `host/database`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "backup_id": "01JD0000000000000000000000",
                    "target": {"project_id": "01JD0000000000000000000001"},
                    "tables": ["public.orders"],
                }
            ]
        }
    )

    backup_id: RecordId
    target: RestoreTargetFields
    schemas: Annotated[tuple[SchemaName, ...], Field(max_length=100)] = ()
    tables: Annotated[tuple[ObjectName, ...], Field(max_length=100)] = ()
    schema_only: bool = False
    data_only: bool = False
    clean: bool = False
    confirmation: Annotated[str, Field(min_length=1, max_length=600)] | None = None
    no_owner: bool = False
    jobs: Annotated[int, Field(ge=1, le=MAX_JOBS), _WHOLE] = 1

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        if self.schema_only and self.data_only:
            raise ValueError("schema_only and data_only exclude each other")
        return self

    @property
    def options(self) -> RestoreOptions:
        """The options as the domain knows them."""
        selection = Selection(
            schemas=self.schemas,
            tables=self.tables,
            schema_only=self.schema_only,
            data_only=self.data_only,
        )
        return RestoreOptions(
            selection=selection,
            clean=self.clean,
            confirmation=self.confirmation,
            no_owner=self.no_owner,
            jobs=self.jobs,
        )


class LinkRequest(Body):
    """Ask for a download link; `artefact` None is the dump itself."""

    artefact: OneLine | None = None
    lifetime_s: Annotated[int, Field(ge=1, le=_seconds(MAX_LIFETIME)), _WHOLE] = _seconds(
        DEFAULT_LIFETIME
    )
    max_uses: Annotated[int, Field(ge=1, le=1000), _WHOLE] = 1


class KeyRequest(Body):
    """Ask for an API key; `projects` left out reaches all, `expires_at` left out never ends."""

    name: OneLine
    role: Role
    projects: Annotated[tuple[RecordId, ...], Field(min_length=1, max_length=1000)] | None = None
    expires_at: Instant | None = None


class PageQuery(QueryString):
    """Ask for one page of a list, newest first."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(min_length=1, max_length=512)] | None = None


class BackupQuery(PageQuery):
    """Ask for backups; `from` counts, `to` does not, both by time of creation."""

    project: RecordId | None = None
    status: Status | None = None
    type: BackupType | None = None
    trigger: Trigger | None = None
    since: Annotated[Instant | None, Field(alias="from")] = None
    until: Annotated[Instant | None, Field(alias="to")] = None
    q: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class RestoreQuery(PageQuery):
    """Ask for restores."""

    project: RecordId | None = None
    backup: RecordId | None = None
    status: Status | None = None


class JobQuery(QueryString):
    """Ask for a job; `wait` is how many seconds the answer may wait for its end."""

    wait: Annotated[float, Field(ge=0, le=MAX_WAIT_S, allow_inf_nan=False)] = 0.0


def _changes_something(body: B) -> B:
    if all(getattr(body, name) is None for name in type(body).model_fields):
        raise ValueError("name at least one field to change")
    return body
