"""Count what a restore does, bounded, and say it as a report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from chalicelib.domain.proof import Difference
from chalicelib.domain.restore import MAX_NOTES, Comparison, Note, RestoreReport
from chalicelib.restore_ports import Applied


@dataclass
class Tally:
    """Hold what was restored, left out, refused, looked at, and what is left to people."""

    restored: Counter[str] = field(default_factory=Counter)
    skipped: list[Note] = field(default_factory=list)
    by_hand: list[Note] = field(default_factory=list)
    errors: list[Note] = field(default_factory=list)
    errors_total: int = 0
    ignored: list[Note] = field(default_factory=list)
    ignored_total: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)

    def add(self, applied: Applied) -> None:
        """Take over what pg_restore complained of."""
        self.errors += applied.errors
        self.errors_total += applied.errors_total
        self.ignored += applied.ignored
        self.ignored_total += applied.ignored_total

    def count(self, kind: str) -> None:
        """Count one thing more that is in."""
        self.restored[kind] += 1

    def refuse(self, what: str, message: str, advice: str) -> None:
        """Count something that the target refused."""
        self.errors.append(Note(what=what, message=message, advice=advice))
        self.errors_total += 1

    def leave(self, what: str, message: str, advice: str = "") -> None:
        """Leave something to people."""
        self.by_hand.append(Note(what=what, message=message, advice=advice))

    def skip(self, what: str, message: str) -> None:
        """Say that something stays behind."""
        self.skipped.append(Note(what=what, message=message))

    def differ(self, what: str, expected: object, found: object) -> None:
        """Say that something in the target is not as it was in the source."""
        difference = Difference(what=what, expected=str(expected), found=str(found))
        self.differences.append(difference)

    def report(self) -> RestoreReport:
        """Return all of it."""
        return RestoreReport(
            restored=dict(sorted(self.restored.items())),
            by_hand=_some(self.by_hand),
            checked=dict(sorted(self.checked.items())),
            skipped=_some(self.skipped),
            ignored=tuple(self.ignored[:MAX_NOTES]),
            ignored_total=self.ignored_total,
            errors=tuple(self.errors[:MAX_NOTES]),
            errors_total=self.errors_total,
            comparison=joined(self.comparisons, self.differences),
        )


def joined(comparisons: list[Comparison], differences: list[Difference]) -> Comparison | None:
    """Return several comparisons as one, with what else differs; None where nothing was."""
    if not comparisons and not differences:
        return None
    told = [*differences, *(one for c in comparisons for one in c.differences)]
    gaps = {name: why for one in comparisons for name, why in one.not_compared.items()}
    large = [one.large_objects for one in comparisons if one.large_objects is not None]
    return Comparison(
        tables=sum(one.tables for one in comparisons),
        rows=sum(one.rows for one in comparisons),
        in_order=sum(one.in_order for one in comparisons),
        in_any_order=sum(one.in_any_order for one in comparisons),
        sequences=sum(one.sequences for one in comparisons),
        large_objects=sum(large) if large else None,
        differences=tuple(told[:MAX_NOTES]),
        differences_total=len(differences) + sum(one.differences_total for one in comparisons),
        not_compared=dict(list(gaps.items())[:MAX_NOTES]),
    )


def _some(notes: list[Note]) -> tuple[Note, ...]:
    more = len(notes) - MAX_NOTES
    if more <= 0:
        return tuple(notes)
    # this note takes the place of one as well
    rest = Note(what="others", message=f"{more + 1} more, which do not fit here")
    return (*notes[: MAX_NOTES - 1], rest)
