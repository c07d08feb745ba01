"""How far a dump has come: a tracker fed with observations, and what it says.

Rate and remaining time are computed from raw bytes only (COPY text as the server counts it):
compressed bytes run at the speed of the data's nature, not of the work. The total starts as the
catalogue's table sizes and is corrected by what finished tables really were, so that it converges.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from chalicelib.domain.record import Moment, Record

RATE_WINDOW_S = 20.0
"""The rate is taken over this many recent seconds, so that it follows the network."""


class Progress(Record):
    """Say how far a run has come; its id is the backup's. Bytes are raw bytes."""

    kind: ClassVar[str] = "progress"

    phase: str
    raw_bytes_done: int = 0
    raw_bytes_total: int | None = None
    stored_bytes: int = 0
    table: str | None = None
    tables_done: int = 0
    tables_total: int | None = None
    bytes_per_s: float | None = None
    eta_s: float | None = None
    files_done: int = 0
    files_total: int | None = None
    at: Moment

    @property
    def fraction(self) -> float | None:
        """The part that is done, 0 to 1; None while the total is unknown."""
        if not self.raw_bytes_total:
            return None
        # more may come than the catalogue let expect
        return min(1.0, self.raw_bytes_done / self.raw_bytes_total)


@dataclass(frozen=True)
class TableSize:
    """Name a table (schema-qualified, as pg_dump prints it) with its size in the catalogue."""

    name: str
    size_bytes: int


class ProgressTracker:
    """Turn observations of one phase into `Progress` values.

    Every observation may be missing or late: samples come once a second, tables that finish
    between two samples count with their catalogue size. `tables` may be empty (unknown).
    """

    def __init__(self, run_id: str, phase: str, tables: tuple[TableSize, ...] = ()) -> None:
        """Begin with nothing done."""
        self._run_id = run_id
        self._phase = phase
        self._sizes = {table.name: table.size_bytes for table in tables}
        self._seen: dict[str, int] = {}
        self._current: str | None = None
        self._stored = 0
        self._samples: deque[tuple[datetime, int]] = deque()

    def table_started(self, name: str) -> None:
        """Note that the rows of a table begin to flow; the table before it is done."""
        self._close_current()
        self._current = name
        self._seen.setdefault(name, 0)

    def copied(self, name: str, raw_bytes: int) -> None:
        """Note the server's count of bytes for a table; counts never go back."""
        self._seen[name] = max(self._seen.get(name, 0), raw_bytes)

    def stored(self, total_bytes: int) -> None:
        """Note how many bytes have gone to the store in all."""
        self._stored = total_bytes

    def finished(self) -> None:
        """Note that every table is done."""
        self._close_current()
        self._current = None

    def at(self, now: datetime) -> Progress:
        """Return the state at this moment; call it about once a second."""
        done = sum(self._seen.values())
        total = self._total()
        rate = self._rate(now, done)
        eta = (total - done) / rate if rate and total is not None else None
        return Progress(
            id=self._run_id,
            phase=self._phase,
            raw_bytes_done=done,
            raw_bytes_total=total,
            stored_bytes=self._stored,
            table=self._current,
            tables_done=len(self._seen) - (1 if self._current else 0),
            tables_total=max(len(self._sizes), len(self._seen)) if self._sizes else None,
            bytes_per_s=rate,
            eta_s=eta,
            at=now,
        )

    def _close_current(self) -> None:
        if self._current is not None and self._seen[self._current] == 0:
            self._seen[self._current] = self._sizes.get(self._current, 0)

    def _total(self) -> int | None:
        if not self._sizes:
            return None
        seen = sum(
            max(raw, self._sizes.get(name, 0)) if name == self._current else raw
            for name, raw in self._seen.items()
        )
        return seen + sum(size for name, size in self._sizes.items() if name not in self._seen)

    def _rate(self, now: datetime, done: int) -> float | None:
        self._samples.append((now, done))
        while (now - self._samples[0][0]).total_seconds() > RATE_WINDOW_S:
            self._samples.popleft()
        since, before = self._samples[0]
        elapsed = (now - since).total_seconds()
        return (done - before) / elapsed if elapsed > 0 else None
