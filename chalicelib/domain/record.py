"""What all records share, and the writes and questions a catalog understands.

A record is a frozen value with an id and a revision. A catalog changes records only by comparing
the revision (optimistic locking), so every decision is made by a pure function over the record as
read, and holds exactly if nobody changed it meanwhile. That one rule carries the state machine,
leases and idempotency alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from ulid import ULID

Id = Annotated[str, Field(min_length=1, max_length=128)]
Moment = AwareDatetime

MAX_SCAN = 1000
"""Records that one `find` looks at, at most, before it answers with a short page and a cursor."""


class Record(BaseModel):
    """Be something a catalog keeps.

    `kind` names the collection, `indexes` the fields it can be listed by; a record whose field is
    None is not in that index. Each index is ordered by id, and ids are ULIDs made at creation, so
    that is the order of creation. `revision` 0 means not stored yet; the catalog writes revision 1
    on insert and adds 1 on each replace.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    indexes: ClassVar[tuple[str, ...]] = ()

    id: Id
    revision: int = 0


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Insert:
    """Store a record whose id must be free; else the whole commit is refused with `Conflict`."""

    record: Record


@dataclass(frozen=True)
class Replace:
    """Store a record over the revision it was read at; else `RevisionConflict` refuses all."""

    record: Record


@dataclass(frozen=True)
class Remove:
    """Delete a record at the revision it was read at; else `RevisionConflict` refuses all."""

    record: Record


@dataclass(frozen=True)
class Put:
    """Store a record whatever is there: for progress and other values nobody decides upon."""

    record: Record


Write = Insert | Replace | Remove | Put


@dataclass(frozen=True)
class Query(Generic[R]):
    """Ask for records of one kind, newest first, page by page.

    `index` is a (field, value) pair out of the kind's indexes, or None for all. `after_id` and
    `before_id` are exclusive bounds of the id (`before_id` is where the page starts, going down).
    `keep` filters what the index cannot; at most MAX_SCAN records are looked at in one call.
    """

    kind: type[R]
    index: tuple[str, str] | None = None
    after_id: str | None = None
    before_id: str | None = None
    limit: int = 50
    keep: Callable[[R], bool] | None = None


@dataclass(frozen=True)
class Page(Generic[R]):
    """Hold the records found and where to go on; `next_before_id` None means that was all."""

    items: tuple[R, ...]
    next_before_id: str | None


def id_floor(moment: datetime) -> str:
    """Return the smallest id that a record created at `moment` can have."""
    return str(ULID.from_datetime(moment))[:10] + "0" * 16
