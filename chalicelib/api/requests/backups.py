"""What callers may send about backups and jobs."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.api.requests.fields import (
    Body,
    Instant,
    Lines,
    OneLine,
    PageQuery,
    Patch,
    QueryString,
    RecordId,
    TagMap,
)
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
from chalicelib.domain.contents import MAX_ROWS, quoted_name
from chalicelib.domain.gate import MAX_HOLD_DAYS
from chalicelib.domain.restore import SchemaName
from chalicelib.domain.whole_number import WHOLE
from chalicelib.services.jobs import MAX_WAIT_S

HoldDays = Annotated[int, Field(ge=0, le=MAX_HOLD_DAYS), WHOLE]


Components = Annotated[tuple[Component, ...], Field(max_length=6)]


class OptionFields(Body):
    """Say which part of a database to take and how; None leaves the choice to the engine.

    No `components` are the database alone, of a Supabase project those that it says.
    """

    type: BackupType = BackupType.FULL
    compression: Compression | None = None
    format: Format | None = None
    components: Components | None = None
    engine: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")] = "auto"
    verification: Asked | None = None

    @property
    def options(self) -> BackupOptions:
        """The options as the domain knows them."""
        return BackupOptions(
            type=self.type,
            compression=self.compression,
            format=self.format,
            components=self.components or (),
            engine=self.engine,
            verification=self.verification,
        )


class EstimateRequest(OptionFields):
    """Ask how large a backup would be."""


class BackupRequest(OptionFields):
    """Ask for a backup.

    `migration_id` and `hold_days` go with trigger `pre-migration`: such a backup is held, which
    keeps it from retention and deletion, for 30 days unless `hold_days` says otherwise.
    """

    model_config = ConfigDict(
        json_schema_extra={
            # what only a backup before a migration has, said so that clients know beforehand
            "anyOf": [
                {
                    "required": ["trigger"],
                    "properties": {"trigger": {"const": Trigger.PRE_MIGRATION.value}},
                },
                {"properties": {"migration_id": {"type": "null"}, "hold_days": {"type": "null"}}},
            ],
            "examples": [
                {
                    "project_id": "01JD0000000000000000000000",
                    "compression": "zstd",
                    "trigger": "pre-migration",
                    "migration_id": "0042",
                    "tags": {"git": "4f2d9c1"},
                }
            ],
        }
    )

    project_id: RecordId
    name: OneLine | None = None
    description: Lines = ""
    trigger: Trigger = Trigger.MANUAL
    tags: TagMap = {}
    migration_id: OneLine | None = None
    hold_days: HoldDays | None = None


class BackupPatch(Patch):
    """Change what people say of a backup; a field left out stays as it is.

    `hold_days` are counted from now; 0 releases the backup. An empty `description` takes it away.
    """

    name: OneLine | None = None
    description: Lines | None = None
    tags: TagMap | None = None
    locked: bool | None = None
    hold_days: HoldDays | None = None


class VerifyRequest(Body):
    """Ask for a verification; `proof` is by digests, `archive` reads the dump without a restore."""

    level: Asked = Asked.ARCHIVE


class RowsRequest(Body):
    """Ask for the first rows of a table."""

    limit: Annotated[int, Field(ge=1, le=MAX_ROWS), WHOLE] = 20


class TableRowsRequest(RowsRequest):
    """Ask for the first rows of the table that has these names, letter by letter."""

    schema_name: Annotated[SchemaName, Field(alias="schema")]
    table: SchemaName

    @property
    def quoted(self) -> str:
        """Both names as one."""
        return quoted_name(self.schema_name, self.table)


class BackupQuery(PageQuery):
    """Ask for backups; `from` counts, `to` does not, both by time of creation."""

    project: RecordId | None = None
    status: Status | None = None
    type: BackupType | None = None
    trigger: Trigger | None = None
    schedule: RecordId | None = None
    since: Annotated[Instant | None, Field(alias="from")] = None
    until: Annotated[Instant | None, Field(alias="to")] = None
    q: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class JobQuery(QueryString):
    """Ask for a job; `wait` is how many seconds the answer may wait for its end."""

    wait: Annotated[float, Field(ge=0, le=MAX_WAIT_S, allow_inf_nan=False)] = 0.0
