"""A restore: what is brought back, where to, and what came of it.

pending ──▶ in-progress ──▶ completed | failed | cancelled
   └──────▶ cancelled | failed
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field, model_validator

from chalicelib.domain.backup import Chore, Component, Lease, Status, Value
from chalicelib.domain.connection import Endpoint
from chalicelib.domain.errors import (
    Conflict,
    ErrorInfo,
    InvalidRequest,
    PermissionDenied,
    VersionUnsupported,
)
from chalicelib.domain.proof import Difference
from chalicelib.domain.record import Id, Moment, Record
from chalicelib.domain.run_steps import StepBegun

MAX_JOBS: Final = 64
MAX_SELECTED: Final = 1000
MAX_NOTES: Final = 50
"""How many findings of one kind a report holds; the rest is counted. A record has 400 kB at most
in DynamoDB."""

ObjectName = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]+$")]
SchemaName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^\x00]+$")]


class RestoreStep(StrEnum):
    """Name a step of the worker, in the order they run."""

    PREPARE = "prepare"
    RESTORE = "restore"


class TargetState(StrEnum):
    """Say what became of the target."""

    UNTOUCHED = "untouched"
    PARTIAL = "partially restored"
    RESTORED = "restored"


class RestoreTarget(Value):
    """Say where to: a project's database, or an endpoint whose password lies in the secrets."""

    project_id: Id | None = None
    endpoint: Endpoint | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.project_id is None) == (self.endpoint is None):
            raise ValueError("a target is either a project or an endpoint")
        return self


def require_one_part(*, schema_only: bool, data_only: bool) -> None:
    """Refuse both at once with ValueError: nothing would be left."""
    if schema_only and data_only:
        raise ValueError("schema_only and data_only exclude each other")


class Selection(Value):
    """Say which part of an archive is restored; nothing named is everything.

    Tables are written as PostgreSQL prints them: `public.orders`, `"odd.schema"."Name"`; letters
    count as they stand. A name without schema must be the only one of its kind in the archive.
    """

    schemas: Annotated[tuple[SchemaName, ...], Field(max_length=MAX_SELECTED)] = ()
    tables: Annotated[tuple[ObjectName, ...], Field(max_length=MAX_SELECTED)] = ()
    schema_only: bool = False
    data_only: bool = False

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        require_one_part(schema_only=self.schema_only, data_only=self.data_only)
        return self

    @property
    def is_partial(self) -> bool:
        """Whether only named schemas or tables are restored."""
        return bool(self.schemas or self.tables)


class RestoreOptions(Value):
    """Say how: `clean` drops what the archive brings anew, and needs the confirmation.

    `confirmation` names the target as `host/database`. `no_owner` makes everything belong to the
    restoring user, without the source's grants. `components` None are all that the backup holds
    and the target takes.
    """

    selection: Selection = Selection()
    clean: bool = False
    confirmation: str | None = None
    no_owner: bool = False
    jobs: Annotated[int, Field(ge=1, le=MAX_JOBS)] = 1
    components: Annotated[tuple[Component, ...], Field(min_length=1, max_length=6)] | None = None


def options_of(fields: Mapping[str, Any]) -> RestoreOptions:
    """Return options from fields of which some are the selection's; ValueError for what cannot be.

    Whoever asks, over HTTP or on a command line, gives them side by side.
    """
    chosen = {name: value for name, value in fields.items() if name in Selection.model_fields}
    others = {name: fields[name] for name in RestoreOptions.model_fields if name in fields}
    return RestoreOptions(selection=Selection(**chosen), **others)


class Note(Value):
    """Say something of one object: what it is, what there is to know, what to do."""

    what: str
    message: str
    advice: str = ""


class Problem(Value):
    """Say why a restore would not begin; `code` is that of the error it would end in."""

    code: str
    message: str
    hint: str


class Preflight(Value):
    """Say what a restore would meet; `objects` counts what it brings by class.

    `drops` are the objects that `clean` would drop first. `unknown` is what nobody can ask for.
    """

    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    skipped: tuple[Note, ...] = ()
    drops: tuple[str, ...] = ()
    objects: dict[str, int] = {}
    unknown: tuple[str, ...] = ()
    server_version: str = ""
    client_version: str = ""

    @property
    def passes(self) -> bool:
        """Whether the restore would begin."""
        return not self.problems


class Comparison(Value):
    """Say how the target compares with what was recorded in the dump's snapshot.

    Of `tables`, `in_order` hold the very text that the dump has, `in_any_order` the same rows in
    another order, and the others were counted only. `not_compared` maps a name to why.
    """

    tables: int = 0
    rows: int = 0
    in_order: int = 0
    in_any_order: int = 0
    sequences: int = 0
    large_objects: int | None = None
    differences: tuple[Difference, ...] = ()
    differences_total: int = 0
    not_compared: dict[str, str] = {}

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return self.differences_total == 0


class RestoreReport(Value):
    """Say what was restored, by class, what was not, and how the target compares.

    `by_hand` is what somebody must still do, `checked` what was looked at besides the comparison.
    """

    restored: dict[str, int] = {}
    by_hand: tuple[Note, ...] = ()
    checked: dict[str, int] = {}
    skipped: tuple[Note, ...] = ()
    ignored: tuple[Note, ...] = ()
    ignored_total: int = 0
    errors: tuple[Note, ...] = ()
    errors_total: int = 0
    comparison: Comparison | None = None


class Restore(Record):
    """One run that brings a backup back. Durations in seconds, times in UTC."""

    kind: ClassVar[str] = "restore"
    indexes: ClassVar[tuple[str, ...]] = ("project_id", "backup_id", "status", "chore")

    project_id: Id
    backup_id: Id
    target: RestoreTarget
    options: RestoreOptions = RestoreOptions()
    status: Status = Status.PENDING
    requested_by: str

    created_at: Moment
    started_at: Moment | None = None
    completed_at: Moment | None = None

    # where the run stands
    step: RestoreStep = RestoreStep.PREPARE
    attempt: int = 0
    steps: tuple[StepBegun, ...] = ()
    lease: Lease | None = None
    cancel_requested: bool = False

    # what came of it
    target_state: TargetState = TargetState.UNTOUCHED
    report: RestoreReport = RestoreReport()
    duration_s: float | None = None
    error: ErrorInfo | None = None
    chore: Chore | None = None

    @property
    def secret_name(self) -> str:
        """The name of the target's password in the secrets, where no project keeps it."""
        return f"restores/{self.id}/password"


def raise_first(preflight: Preflight) -> None:
    """Raise the first problem as its error, with the number of the others."""
    kinds = {kind.code: kind for kind in (PermissionDenied, VersionUnsupported, InvalidRequest)}
    for problem in preflight.problems[:1]:
        others = len(preflight.problems) - 1
        more = f" (and {others} more, see the preflight)" if others else ""
        raise kinds.get(problem.code, Conflict)(problem.message + more, hint=problem.hint)


def confirmation_of(endpoint: Endpoint) -> str:
    """Return what a caller must write to confirm that this target may lose data."""
    return f"{endpoint.host}/{endpoint.database}"


def require_confirmation(options: RestoreOptions, endpoint: Endpoint) -> None:
    """Refuse a restore that drops things unless the confirmation names exactly this target."""
    expected = confirmation_of(endpoint)
    if options.confirmation is not None and options.confirmation != expected:
        raise InvalidRequest(
            "the confirmation does not name the target of this restore",
            hint=f"Write {expected} if that is the database which may lose data.",
            field="confirmation",
        )
    if options.clean and options.confirmation is None:
        raise InvalidRequest(
            "clean drops objects of the target and was not confirmed",
            hint=f"Confirm with {expected} if that database may lose them.",
            field="confirmation",
        )
