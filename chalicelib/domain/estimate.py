"""What a backup would take and meet: how long, and who stands in its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from chalicelib.domain.backup import Backup, BackupOptions, Status

RUNS: Final = 5
"""How many earlier runs an expectation looks at: enough for one odd one not to count."""
ASSUMED_BYTES_PER_S: Final = 20_000_000
"""What a small server gives, while nothing is known of this one."""
ASSUMED_START_S: Final = 5.0


@dataclass(frozen=True)
class LockHeld:
    """Name a session that keeps a dump from a relation; `age_s` is that of its transaction.

    `pid` None is a prepared transaction. `granted` false: it waits for the lock itself, and
    whoever comes later waits behind it. `state` and `age_s` are None where the role may not see.
    """

    relation: str
    pid: int | None
    granted: bool
    user: str | None
    state: str | None
    age_s: float | None


@dataclass(frozen=True)
class OpenTransaction:
    """Name a session whose transaction has been open for long."""

    pid: int
    user: str | None
    state: str | None
    age_s: float


@dataclass(frozen=True)
class Expectation:
    """Say how long a backup will take, and what that is taken from."""

    seconds: float
    basis: str


def is_similar(run: Backup, options: BackupOptions) -> bool:
    """Tell whether a run took as much as these options ask for."""
    return (
        run.status is Status.COMPLETED
        and run.duration_s is not None
        and run.options.type is options.type
        and options.compression in {None, run.compression}
        and _is_proven(run.options) is _is_proven(options)
    )


def expected(similar: Sequence[Backup], table_bytes: int) -> Expectation:
    """Expect the median of the last similar runs, else what the size makes likely."""
    times = [run.duration_s for run in similar[:RUNS] if run.duration_s is not None]
    if times:
        basis = f"median of {len(times)} runs like it" if times[1:] else "the one run like it"
        return Expectation(median(times), basis)
    seconds = ASSUMED_START_S + table_bytes / ASSUMED_BYTES_PER_S
    return Expectation(
        seconds, f"size at {ASSUMED_BYTES_PER_S // 1_000_000} MB/s, never run before"
    )


def _is_proven(options: BackupOptions) -> bool:
    return options.verification is not None and options.verification.proof_level is not None
