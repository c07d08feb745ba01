"""The proof of a backup: what a restored copy is compared with, and what that found.

Nothing is passed over in silence: what differs is a `Difference` that names its object, and what
could not be compared is `Unproven` with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.domain.facts import CopyDigest, LargeObjects, SequenceFact
from chalicelib.domain.record import Moment

ASSERTION_TIMEOUT_S: Final = 60
MAX_ASSERTIONS: Final = 50
LARGE_OBJECT_RIGHTS: Final = "owners, grants and comments of large objects"
MAX_TOLD: Final = 5
"""How many differences the one sentence of an error names."""


class ProofLevel(StrEnum):
    """Say how closely the rows of a restored copy are compared."""

    COUNTS = "counts"
    DIGESTS = "digests"
    STRICT = "strict"


class Outcome(StrEnum):
    """Say what came of a proof: `unproven` means that it could not be made."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNPROVEN = "unproven"


class ProofValue(BaseModel):
    """Be a frozen part of a report that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Assertion(ProofValue):
    """State in SQL what must hold in every restored copy.

    Without `rows` the query must give one row with the one value true; with it, so many rows.
    """

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
    sql: Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"^[^\x00]+$")]
    rows: Annotated[int, Field(ge=0)] | None = None
    timeout_s: Annotated[int, Field(ge=1, le=600)] = ASSERTION_TIMEOUT_S


Assertions = Annotated[tuple[Assertion, ...], Field(max_length=MAX_ASSERTIONS)]


class Difference(ProofValue):
    """Name a thing that is not what it should be; `expected` or `found` None: not there."""

    what: str
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        """Say it in one sentence without a full stop."""
        if self.found is None:
            return f"{self.what} is missing"
        if self.expected is None:
            return f"{self.what} is there and should not be"
        return f"{self.what} is {self.found}, expected {self.expected}"


class Unproven(ProofValue):
    """Name what was not compared, and why."""

    what: str
    reason: str


class Compared(ProofValue):
    """Count what was compared, equal or not."""

    tables: int = 0
    rows: int = 0
    digests: int = 0
    sequences: int = 0
    definitions: int = 0
    large_objects: int = 0
    assertions: int = 0
    roles: int = 0


class ProofReport(ProofValue):
    """Say what a proof found; `digests` are of the archive's own bytes, by table."""

    holdfast_proof: int = 1
    level: ProofLevel
    outcome: Outcome
    compared_with: str
    server_version: str
    scratch_version: str | None
    at: Moment
    seconds: float
    compared: Compared = Compared()
    differences: tuple[Difference, ...] = ()
    unproven: tuple[Unproven, ...] = ()

    @property
    def sentence(self) -> str:
        """The whole report in one sentence."""
        if self.outcome is Outcome.DIFFERENT:
            told = "; ".join(str(d) for d in self.differences[:MAX_TOLD])
            more = len(self.differences) - MAX_TOLD
            return f"{told}; and {more} more" if more > 0 else told
        if self.outcome is Outcome.UNPROVEN:
            return "; ".join(f"{u.what}: {u.reason}" for u in self.unproven[:MAX_TOLD])
        one = self.compared
        return (
            f"restored into PostgreSQL {self.scratch_version} and equal: {one.tables} tables with"
            f" {one.rows} rows ({one.digests} by digest), {one.sequences} sequences,"
            f" {one.definitions} definitions, {one.large_objects} large objects,"
            f" {one.assertions} assertions{_roles(one.roles)};"
            f" {len(self.unproven)} things not proven"
        )


@dataclass(frozen=True)
class Contents:
    """Hold what a database has, or should have; None means that it is not known.

    Keys are names as people read them. `row_sums` are digests that do not depend on the order of
    rows, `digests` do.
    """

    rows: Mapping[str, int] | None = None
    row_sums: Mapping[str, str] | None = None
    digests: Mapping[str, CopyDigest] | None = None
    sequences: Mapping[str, SequenceFact] | None = None
    large_objects: LargeObjects | None = None
    definitions: Mapping[str, Mapping[str, str]] | None = None
    ignored: frozenset[str] = field(default=frozenset())
    """Tables whose rows are no part of the comparison."""
    undigested: frozenset[str] = field(default=frozenset())
    """Tables whose rows are counted only."""


def compare(expected: Contents, found: Contents) -> tuple[Difference, ...]:
    """Return every difference, each named; parts that either side does not know are left out."""
    return (
        *_differing("rows of table", _kept(expected.rows, found), _kept(found.rows, expected)),
        *_differing("contents of table", *_digested(expected, found)),
        *_differing(
            "contents of table", _kept(expected.row_sums, found), _kept(found.row_sums, expected)
        ),
        *_sequences(expected.sequences, found.sequences),
        *_large_objects(expected.large_objects, found.large_objects),
        *_definitions(expected.definitions, found.definitions),
    )


def count(expected: Contents, found: Contents) -> Compared:
    """Count what `compare` looks at."""
    rows = found.rows or {}
    definitions = expected.definitions or {}
    return Compared(
        tables=len(rows) if expected.rows is not None else 0,
        rows=sum(rows.values()) if expected.rows is not None else 0,
        digests=len(expected.digests or expected.row_sums or {}),
        sequences=len(expected.sequences or {}),
        definitions=sum(len(one) for one in definitions.values()),
        large_objects=expected.large_objects.count if expected.large_objects else 0,
    )


def report_text(report: ProofReport) -> str:
    """Return the report as people read it, a line for each thing."""
    lines = [
        f"proof: {report.outcome.value}",
        f"level {report.level.value}, compared with {report.compared_with}, at {report.at:%F %T}Z",
        f"restored into PostgreSQL {report.scratch_version or 'none'}, {report.seconds:.1f} s",
        *(f"compared: {name} {number}" for name, number in report.compared if number),
        *(f"different: {difference}" for difference in report.differences),
        *(f"not proven: {one.what}: {one.reason}" for one in report.unproven),
    ]
    return "\n".join(lines) + "\n"


def _roles(statements: int) -> str:
    return f", {statements} statements on roles" if statements else ""


def _kept(values: Mapping[str, object] | None, other: Contents) -> Mapping[str, object] | None:
    if values is None:
        return None
    return {name: value for name, value in values.items() if name not in other.ignored}


def _digested(
    expected: Contents, found: Contents
) -> tuple[Mapping[str, object] | None, Mapping[str, object] | None]:
    """Return the digests of all tables but those whose rows cannot be compared."""
    if expected.digests is None or found.digests is None:
        return None, None
    left_out = expected.ignored | found.ignored | found.undigested
    return (
        {name: one for name, one in expected.digests.items() if name not in left_out},
        {name: one for name, one in found.digests.items() if name not in left_out},
    )


def _differing(
    what: str, expected: Mapping[str, object] | None, found: Mapping[str, object] | None
) -> list[Difference]:
    if expected is None or found is None:
        return []
    return [
        Difference(
            what=f"{what} {name}", expected=_told(expected.get(name)), found=_told(found.get(name))
        )
        for name in sorted({*expected, *found})
        if expected.get(name) != found.get(name)
    ]


def _told(value: object) -> str | None:
    if isinstance(value, CopyDigest):
        return f"{value.rows} rows, {value.size_bytes} bytes, sha256 {value.sha256[:16]}"
    return None if value is None else str(value)


def _sequences(
    expected: Mapping[str, SequenceFact] | None, found: Mapping[str, SequenceFact] | None
) -> list[Difference]:
    if expected is None or found is None:
        return []
    return [
        Difference(
            what=f"sequence {name}",
            expected=_position(expected.get(name)),
            found=_position(found.get(name)),
        )
        for name in sorted({*expected, *found})
        if not _fits(expected.get(name), found.get(name))
    ]


def _fits(expected: SequenceFact | None, found: SequenceFact | None) -> bool:
    if expected is None or found is None:
        return expected is found
    if expected.until is None:
        return expected == found
    # a sequence may run downwards, too
    low, high = sorted((expected.last_value, expected.until))
    return low <= found.last_value <= high


def _position(one: SequenceFact | None) -> str | None:
    if one is None:
        return None
    used = "used" if one.is_called else "not used yet"
    until = "" if one.until is None else f" to {one.until}"
    return f"{one.last_value}{until} ({used})"


def _large_objects(expected: LargeObjects | None, found: LargeObjects | None) -> list[Difference]:
    if expected is None or found is None:
        return []
    pairs = (
        ("number of large objects", expected.count, found.count),
        ("bytes of large objects", expected.size_bytes, found.size_bytes),
        ("contents of large objects", expected.digest, found.digest),
        (LARGE_OBJECT_RIGHTS, expected.rights, found.rights),
    )
    return [
        Difference(what=what, expected=str(one), found=str(other))
        for what, one, other in pairs
        if one is not None and other is not None and one != other
    ]


def _definitions(
    expected: Mapping[str, Mapping[str, str]] | None,
    found: Mapping[str, Mapping[str, str]] | None,
) -> list[Difference]:
    if expected is None or found is None:
        return []
    return [
        difference
        for kind in sorted({*expected, *found})
        for difference in _differing(kind, expected.get(kind, {}), found.get(kind, {}))
    ]
