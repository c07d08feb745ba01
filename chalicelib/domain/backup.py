"""A backup: what was asked for, what came of it, and the moves it may make.

pending ──▶ in-progress ──▶ completed | failed | cancelled
   └──────▶ cancelled | failed
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.domain.errors import ErrorInfo, InvalidRequest, Unsupported
from chalicelib.domain.facts import DatabaseFacts
from chalicelib.domain.proof import ProofLevel
from chalicelib.domain.record import Id, Moment, Record
from chalicelib.domain.run_steps import StepBegun


class Trigger(StrEnum):
    """Say what asked for a backup."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    PRE_MIGRATION = "pre-migration"


class BackupType(StrEnum):
    """Say which part of a database is taken."""

    FULL = "full"
    SCHEMA = "schema"
    DATA = "data"
    INCREMENTAL = "incremental"


class Compression(StrEnum):
    """Name the codec of the stored bytes."""

    NONE = "none"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    ZSTD = "zstd"


class Format(StrEnum):
    """Name the layout of the dump: pg_restore reads `custom`, psql reads `plain`."""

    CUSTOM = "custom"
    PLAIN = "plain"


class Component(StrEnum):
    """Name a part of a project that a backup can hold."""

    DATABASE = "database"
    ROLES = "roles"
    AUTH = "auth"
    STORAGE = "storage"
    FUNCTIONS = "functions"
    CONFIG = "config"


class Status(StrEnum):
    """Say where a backup, a job or a restore stands."""

    PENDING = "pending"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing moves on from here."""
        return not MOVES[self]


MOVES: Final[dict[Status, frozenset[Status]]] = {
    Status.PENDING: frozenset({Status.IN_PROGRESS, Status.CANCELLED, Status.FAILED}),
    Status.IN_PROGRESS: frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}


class Step(StrEnum):
    """Name a step of the worker, in the order they run; the state machine has the same list."""

    PREPARE = "prepare"
    DUMP = "dump"
    VERIFY = "verify"
    SEAL = "seal"
    COMPLETE = "complete"


class VerificationLevel(StrEnum):
    """Say how far a backup was checked."""

    ARCHIVE = "archive"
    PROOF = "proof"


class Asked(StrEnum):
    """Say which verification is asked for; `proof` is the usual proof, by digests.

    `strict` has the source read a second time while it is dumped, in the same snapshot, and holds
    the archive and the proof against that: the source gives every row twice.
    """

    ARCHIVE = "archive"
    PROOF = "proof"
    COUNTS = "counts"
    DIGESTS = "digests"
    STRICT = "strict"

    @property
    def proof_level(self) -> ProofLevel | None:
        """The level of the proof; None when none is asked for."""
        if self is Asked.ARCHIVE:
            return None
        return ProofLevel.DIGESTS if self is Asked.PROOF else ProofLevel(self.value)


class Chore(StrEnum):
    """Name work on a backup's objects that the sweeper must finish."""

    CLEAN = "clean"
    DELETE = "delete"


Name = Annotated[str, Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=2000)]
MigrationId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Tags = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=64)],
        Annotated[str, Field(max_length=256)],
    ],
    Field(max_length=32),
]


class Value(BaseModel):
    """Be a frozen part of a record that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BackupOptions(Value):
    """Say what to take and how; None leaves the choice to the engine.

    `verification` None is what the project says, else `archive`; no `components` are those of the
    project, see `components.chosen`.
    """

    type: BackupType = BackupType.FULL
    compression: Compression | None = None
    format: Format | None = None
    components: tuple[Component, ...] = ()
    engine: str = "auto"
    verification: Asked | None = None


class Checksum(Value):
    """Hold a digest and the name of its algorithm."""

    algorithm: str = "sha256"
    value: str


class Artefact(Value):
    """Describe one stored object of a backup; sizes in bytes."""

    name: str
    key: str
    stored_bytes: int
    raw_bytes: int | None = None
    checksum: Checksum


class FileTotals(Value):
    """Sum up the files of a backup; `reused` of them were copied inside the store."""

    files: int = 0
    size_bytes: int = 0
    reused: int = 0
    missing: int = 0


class Verification(Value):
    """Say which check a backup passed, when, and by which program.

    `proof` is the level of the proof that was asked for, if any; `reasons` say what it left open,
    or, while `level` is `archive`, why it could not be made.
    """

    level: VerificationLevel
    at: Moment
    by: str
    report: str
    proof: ProofLevel | None = None
    reasons: tuple[str, ...] = ()


class Lease(Value):
    """Say who works on which step, and until when nobody else may.

    Each claim has a generation one higher than the last; a worker whose generation is not the
    record's has lost the step, however it came about (pause, clock, partition).

    `taken`: it ran out, and the sweeper holds it to end the run.
    """

    generation: int
    owner: str
    step: str
    expires_at: Moment
    taken: bool = False


class TableCount(Value):
    """Count the rows of one table inside the dump's snapshot."""

    schema_name: str
    table: str
    rows: int


class SourceCounts(Value):
    """Hold what the source contained in the dump's snapshot; `uncounted` maps a name to why.

    `facts` are there since proofs are; older manifests have none.
    """

    tables: tuple[TableCount, ...] = ()
    large_objects: int | None = None
    uncounted: dict[str, str] = {}
    facts: DatabaseFacts | None = None

    @property
    def rows(self) -> int:
        """All counted rows."""
        return sum(table.rows for table in self.tables)


class Backup(Record):
    """One run and its result. Sizes in bytes, durations in seconds, times in UTC."""

    kind: ClassVar[str] = "backup"
    indexes: ClassVar[tuple[str, ...]] = ("project_id", "status", "chore", "schedule_id")

    project_id: Id
    name: Name
    description: Description = ""
    trigger: Trigger = Trigger.MANUAL
    options: BackupOptions = BackupOptions()
    tags: Tags = {}
    status: Status = Status.PENDING
    requested_by: str
    schedule_id: str | None = None
    expected_at: Moment | None = None

    # what stands behind a gate: the migration that waits, and until when retention leaves it alone
    migration_id: MigrationId | None = None
    hold_until: Moment | None = None

    created_at: Moment
    started_at: Moment | None = None
    completed_at: Moment | None = None
    expires_at: Moment | None = None

    # decided by prepare
    compression: Compression | None = None
    format: Format | None = None
    engine: str | None = None
    server_version: str | None = None
    client_version: str | None = None
    restore_needs: str | None = None
    warnings: tuple[str, ...] = ()

    # where the run stands
    step: Step = Step.PREPARE
    attempt: int = 0
    steps: tuple[StepBegun, ...] = ()
    lease: Lease | None = None
    cancel_requested: bool = False
    ending: ErrorInfo | None = None

    # what came of it
    artefacts: tuple[Artefact, ...] = ()
    checksum: Checksum | None = None
    raw_bytes: int | None = None
    stored_bytes: int | None = None
    duration_s: float | None = None
    rows: int | None = None
    files: FileTotals | None = None
    has_blocks: bool = False
    manifest_sha256: str | None = None
    validated: bool = False
    verification: Verification | None = None
    error: ErrorInfo | None = None

    parent_id: str | None = None
    locked: bool = False
    chore: Chore | None = None

    # those that had not ended when the latest was asked for, with that one
    restores: tuple[Id, ...] = ()

    # what the store last said against a deletion, and when that is tried again
    deletion_error: ErrorInfo | None = None
    deletion_retry_at: Moment | None = None

    def is_held(self, now: datetime) -> bool:
        """Whether a hold still keeps this backup from being removed."""
        return self.hold_until is not None and now < self.hold_until

    @property
    def main_artefact(self) -> Artefact | None:
        """The dump itself, which links hand out."""
        return next((a for a in self.artefacts if a.name.startswith("database.")), None)


def plan_format(options: BackupOptions) -> Format:
    """Return the format the options lead to; refuse combinations that cannot be.

    pg_dump's custom format has no bzip2, so bzip2 implies plain.
    """
    if options.type is BackupType.INCREMENTAL:
        raise Unsupported(
            "incremental backups are not available yet",
            hint="Ask for type full; each full backup is complete on its own.",
        )
    if options.engine not in {"auto", "stream"}:
        raise Unsupported(f"engine {options.engine} is not available yet", hint="Use engine auto.")
    if options.compression is Compression.BZIP2:
        if options.format is Format.CUSTOM:
            raise InvalidRequest(
                "compression bzip2 goes with format plain only",
                hint="Leave the format out, or choose gzip or zstd.",
                field="format",
            )
        return Format.PLAIN
    return options.format or Format.CUSTOM
