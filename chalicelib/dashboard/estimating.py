"""An estimate in the words of people: how long, how much leaves the server, how much is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from pydantic import TypeAdapter

from chalicelib.dashboard.formatting import duration
from chalicelib.domain.backup import Asked, Backup, BackupOptions
from chalicelib.domain.estimate import RUNS, LockHeld, OpenTransaction, is_similar
from chalicelib.postgres_ports import Estimate

_ESTIMATE: Final = TypeAdapter(Estimate)
_READINGS: Final = {Asked.STRICT: 2}
"""How often the source sends every row, where that is more than once."""


@dataclass(frozen=True)
class Foretold:
    """Say what a backup would take: sizes in bytes; `stored_bytes` None before the first run.

    `egress_bytes` is what the server sends, which is what providers bill: rows as text, before
    compression. `obstacles` are sentences on what stands in the way now.
    """

    seconds: float | None
    basis: str
    tables: int
    egress_bytes: int
    stored_bytes: int | None
    stored_basis: str
    obstacles: tuple[str, ...]


def foretold(
    result: Mapping[str, Any], options: BackupOptions, earlier: Sequence[Backup]
) -> Foretold:
    """Read a job's result, and expect of the store what the runs before took of it."""
    found = _ESTIMATE.validate_python(result)
    sizes = _stored_sizes(options, earlier)
    readings = _READINGS.get(options.verification or Asked.ARCHIVE, 1)
    return Foretold(
        seconds=found.expected.seconds if found.expected else None,
        basis=found.expected.basis if found.expected else "",
        tables=found.tables,
        egress_bytes=found.table_bytes * readings,
        stored_bytes=int(median(sizes)) if sizes else None,
        stored_basis=f"as {len(sizes)} before it" if sizes else "known after the first run",
        obstacles=(*map(_lock, found.locks), *map(_transaction, found.transactions)),
    )


def _stored_sizes(options: BackupOptions, earlier: Sequence[Backup]) -> list[int]:
    similar = [one for one in earlier if is_similar(one, options)][:RUNS]
    return [one.stored_bytes for one in similar if one.stored_bytes is not None]


def _lock(lock: LockHeld) -> str:
    who = f"session {lock.pid}" if lock.pid is not None else "a prepared transaction"
    verb = "holds a lock on" if lock.granted else "waits for a lock on"
    since = f", for {duration(lock.age_s)}" if lock.age_s is not None else ""
    return f"{who} {verb} {lock.relation}{since}: the backup would wait for it"


def _transaction(one: OpenTransaction) -> str:
    return f"session {one.pid} has had a transaction open for {duration(one.age_s)}"
