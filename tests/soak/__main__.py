"""`make soak`: the long matrices, a lane each, with reports that are committed.

    python -m tests.soak LANE [the lane's arguments]
    python -m tests.soak all

A lane is a module beside this one with `run(arguments) -> Report`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Final

from tests.soak.report import Report

NO_LANES: Final = {"__main__", "report"}


def lanes() -> list[str]:
    """Return the names of all lanes."""
    found = {path.stem for path in Path(__file__).parent.glob("*.py")}
    return sorted(found - NO_LANES)


def main(arguments: list[str]) -> int:
    """Run one lane, or all with their own defaults; 1 when one failed, 2 for a wrong name."""
    name, *rest = arguments or [""]
    if name != "all" and name not in lanes():
        print(f"usage: python -m tests.soak all|{'|'.join(lanes())}")
        return 2
    reports = [_run(lane, rest) for lane in (lanes() if name == "all" else [name])]
    return 1 if any(report.failures for report in reports) else 0


def _run(lane: str, arguments: list[str]) -> Report:
    report: Report = importlib.import_module(f"tests.soak.{lane}").run(arguments)
    print(f"{report.as_table()}\n\nwritten to {report.write()}")
    for failure in report.failures:
        print(f"FAILED: {failure}")
    return report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
