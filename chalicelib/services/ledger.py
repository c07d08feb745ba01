"""Decide, then write: apply a pure decision to a record by compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from chalicelib.domain.audit import AuditEvent, Notice, changed_fields
from chalicelib.domain.errors import Conflict, NotFound, RevisionConflict
from chalicelib.domain.notices import NoticeKind
from chalicelib.domain.record import Insert, Record, Replace, Write
from chalicelib.domain.rollup import DayTally, counted, last_success, tally_id, tally_writes
from chalicelib.domain.runs import Stamp
from chalicelib.ports import Catalog, Clock, Ids
from chalicelib.services.figures import Measure, figures_of, unmeasured

R = TypeVar("R", bound=Record)

MAX_TRIES: Final = 8
MAX_COUNTING_TRIES: Final = 6
"""A backup has one worker and a few people; eight losses in a row mean something is wrong."""


@dataclass(frozen=True)
class Ledger:
    """Join the catalog with time and ids, which decisions take as values."""

    catalog: Catalog
    clock: Clock
    ids: Ids
    measure: Measure = unmeasured

    def stamp(self, actor: str) -> Stamp:
        """Return what a decision needs to know of the moment."""
        return Stamp(
            now=self.clock.now(),
            actor=actor,
            audit_id=self.ids.new(),
            notice_id=self.ids.new(),
        )

    def event(
        self, actor: str, action: str, subject_id: str, project_id: str = "", **details: str
    ) -> Insert:
        """Return the write that keeps what somebody did; it goes into the commit that does it."""
        return Insert(
            AuditEvent(
                id=self.ids.new(),
                at=self.clock.now(),
                actor=actor,
                action=action,
                subject_id=subject_id,
                project_id=project_id,
                details=details,
            )
        )

    def change(
        self,
        actor: str,
        action: str,
        pair: tuple[Record, Record],
        project_id: str = "",
        **details: str,
    ) -> Insert:
        """Return the write that keeps how somebody changed a record: (as it was, as it is)."""
        before, after = changed_fields(*pair)
        event = AuditEvent(
            id=self.ids.new(),
            at=self.clock.now(),
            actor=actor,
            action=action,
            subject_id=pair[0].id,
            project_id=project_id,
            details=details,
            before=before,
            after=after,
        )
        return Insert(event)

    def notice(
        self, kind: NoticeKind, subject_id: str, project_id: str = "", **body: str
    ) -> Insert:
        """Return the write that tells the world; it goes into the commit it speaks of.

        `body` may hold `name`, `code`, `message` and `hint`, and must hold no secret.
        """
        return Insert(
            Notice(
                id=self.ids.new(),
                at=self.clock.now(),
                event=kind.value,
                subject_id=subject_id,
                project_id=project_id,
                body=body,
            )
        )

    def apply(self, kind: type[R], record_id: str, decide: Callable[[R], Sequence[Write]]) -> R:
        """Read, decide, write; when somebody else wrote first, read and decide again.

        Returns the record as it now stands. An empty decision writes nothing.
        """
        for number in range(MAX_TRIES):
            record = self.catalog.get(kind, record_id)
            writes = decide(record)
            if not writes:
                return record
            # a count that is lost in the crowd is better than a move that is
            tallies = self._tallies(writes) if number < MAX_COUNTING_TRIES else ()
            try:
                self.catalog.commit([*writes, *tallies])
            except RevisionConflict:
                continue
            except Conflict:
                # somebody else may have begun the day's tally; without one, it is about the move
                if not tallies:
                    raise
                continue
            if (figures := figures_of(writes)) is not None:
                self.measure(figures)
            return _after(record, writes)
        raise RevisionConflict(f"the {kind.kind} keeps changing under our hands")

    def _tallies(self, writes: Sequence[Write]) -> tuple[Write, ...]:
        what = counted(writes)
        if what is None:
            return ()
        now = self.clock.now()
        try:
            found = self.catalog.get(DayTally, tally_id(what, now))
        except NotFound:
            found = None
        return (*tally_writes(what, found, now), *last_success(writes))


def _after(record: R, writes: Sequence[Write]) -> R:
    for write in writes:
        if isinstance(write, Replace) and write.record.id == record.id:
            # as this commit left it: a read could find what somebody else wrote since
            stored = write.record.model_copy(update={"revision": record.revision + 1})
            if isinstance(stored, type(record)):
                return stored
    return record
