"""What all benches share: rows, interleaving, the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One figure: what it is, its value, and the limit it must not pass (None: only shown).

    No value: the machine could not measure it, and the note says why.
    """

    name: str
    value: float | None
    unit: str
    limit: float | None = None
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the value is within its limit."""
        return self.limit is None or self.value is None or self.value <= self.limit


def interleaved(actions: Sequence[Callable[[], float]], repetitions: int) -> list[list[float]]:
    """Run the actions in turn, after one uncounted round; return each one's figures."""
    figures: list[list[float]] = [[] for _ in actions]
    for repetition in range(repetitions + 1):
        for number, action in enumerate(actions):
            value = action()
            if repetition:
                figures[number].append(value)
    return figures


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Return the median of the ratios pair by pair, so that drift cancels out."""
    return median(a / b for a, b in zip(over, under, strict=True))


def as_table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| what | value | limit | |", "|---|--:|--:|---|"]
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:g}"
        verdict = row.note if row.holds else f"OVER THE LIMIT {row.note}"
        value = "left out" if row.value is None else f"{row.value:.3g} {row.unit}"
        lines.append(f"| {row.name} | {value} | {limit} | {verdict} |")
    return "\n".join(lines)
