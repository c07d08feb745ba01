"""F4: client programs that misbehave. Each is the real one behind a script that spoils it."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from zlib import crc32

from tests.faults.cells import COMPLETED, Act, Cell, Draw, Trial, ends
from tests.faults.stand import Stand

HANG_S: Final = 0.9
SHARES: Final = (1, 10, 50, 90, 99)


def spoilt(body: str, expected: frozenset[str], *, deadline_s: float = 30.0) -> Act:
    """Run with a pg_dump that does `body`, where `real` dumps as asked and $SIZE is a share."""

    def act(stand: Stand, draw: Draw) -> Trial:
        share = SHARES[draw.turn % len(SHARES)]
        size = stand.stream_bytes * share // 400  # an archive is compressed
        folder = stand.clients.parents[2] / f"spoilt-{crc32(body.encode())}-{size}"
        if not folder.exists():
            _install(stand, folder, body.replace("$SIZE", str(size)))
        backup = stand.stack.request(stand.source)
        stand.run(backup, engine=stand.engine(folder), deadline_s=deadline_s)
        return Trial(backup, expected, f"{share} %" if "$SIZE" in body else "")

    return act


def _install(stand: Stand, home: Path, body: str) -> None:
    """Make both programs; probes and pg_restore are left alone."""
    home.mkdir()
    real = stand.clients / "pg_dump"
    dump = f"""#!/bin/sh
case "$* $PGHOST" in *--version*|*/nonexistent/*) exec {real} "$@";; esac
real() {{ {real} "$@"; }}
{body}
"""
    restore = f'#!/bin/sh\nexec {stand.clients / "pg_restore"} "$@"\n'
    for name, script in (("pg_dump", dump), ("pg_restore", restore)):
        (home / name).write_text(script)
        (home / name).chmod(0o755)


GAVE_UP: Final = ends("dump_failed")
BROKEN: Final = ends("integrity_failed")
EXCEEDED: Final = ends("deadline_exceeded")
CELLS: Final = (
    Cell("F4", "fails after the last byte", spoilt('real "$@"; exit 3', GAVE_UP)),
    Cell("F4", "killed after the last byte", spoilt('real "$@"; kill -9 $$', GAVE_UP)),
    Cell("F4", "killed midway", spoilt('real "$@" | head -c $SIZE; kill -9 $$', GAVE_UP), weight=3),
    Cell("F4", "success without a byte", spoilt("exit 0", BROKEN)),
    Cell(
        "F4",
        "success after a part",
        spoilt('real "$@" 2>/dev/null | head -c $SIZE; exit 0', BROKEN),
        weight=5,
    ),
    Cell("F4", "success with more than a dump", spoilt('real "$@"; echo more', BROKEN)),
    Cell("F4", "success with something else", spoilt("echo these are no rows", BROKEN)),
    Cell("F4", "warnings", spoilt('echo "pg_dump: warning: odd" >&2; real "$@"', COMPLETED)),
    Cell(
        "F4",
        "flood of words",
        spoilt('yes "pg_dump: error: on and on" | head -c 5000000 >&2; real "$@"', COMPLETED),
    ),
    Cell(
        "F4",
        "hangs before the first byte",
        spoilt("exec sleep 1000", EXCEEDED, deadline_s=HANG_S),
    ),
    Cell(
        "F4",
        "hangs after the last byte",
        spoilt('real "$@"; exec >&-; exec sleep 1000', EXCEEDED, deadline_s=HANG_S),
    ),
    Cell(
        "F4",
        "hangs with children",
        spoilt(
            "trap '' TERM; for n in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait",
            EXCEEDED,
            deadline_s=HANG_S,
        ),
    ),
)
