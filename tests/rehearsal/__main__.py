"""`make rehearse`: install everything on parts that stand in for AWS, use it, break it.

    python -m tests.rehearsal [--write] [-k WORDS] [--gigabytes N] [CASES.py …]

0: every case passed; 1: one did not; 2: a case, or all, could not be run here. `--write` keeps the
report, which is committed.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from tests.rehearsal.report import Recorder, Rehearsal, rehearsal_of, written

HERE: Final = Path(__file__).parent
CASES: Final = ("backups.py", "gates.py", "schedules.py", "faults.py", "secrets.py")
CASE_TIMEOUT_S: Final = 300
"""The first case also waits for everything to be installed."""


def main(arguments: Sequence[str]) -> int:
    """Run the cases in order, in one process, and say what came of them."""
    parser = argparse.ArgumentParser(prog="tests.rehearsal")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("-k", default="", help="run the cases whose names hold these words")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of the case speed.py")
    parser.add_argument("cases", nargs="*", default=CASES)
    asked = parser.parse_args(arguments)
    # in the background of a shell nobody can interrupt it; what ends it must find it tidy
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    recorder = Recorder(asked.gigabytes)
    files = [str(HERE / name) for name in asked.cases]
    # the tests beside it keep what failed of theirs
    alone = ["-n0", "-p", "no:randomly", "-p", "no:cacheprovider"]
    options = [*alone, "-q", f"--timeout={CASE_TIMEOUT_S}", "-k", asked.k]
    told = pytest.main([*options, *files], plugins=[recorder])
    rehearsal = rehearsal_of(recorder, datetime.now(UTC))
    print(rehearsal.text())
    if asked.write:
        print(f"written to {written(rehearsal)}")
    return exit_code(rehearsal, int(told))


def exit_code(rehearsal: Rehearsal, told: int) -> int:
    """Return 0 for a whole rehearsal, 2 where something was left out, and what pytest told else."""
    if told == 0 and not rehearsal.is_whole:
        return 2
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
