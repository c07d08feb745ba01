"""`make soak`: the long matrices, a lane each, with reports that are committed.

    python -m tests.soak LANE [the lane's arguments]
    python -m tests.soak all

A lane is a module beside this one with `run(arguments) -> Report`.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.soak.report import REPORTS, Report

Lane = Callable[[list[str]], Report]
NO_LANES: Final = {"__main__", "report"}


def lanes() -> list[str]:
    """Return the names of all lanes."""
    found = {path.stem for path in Path(__file__).parent.glob("*.py")}
    return sorted(found - NO_LANES)


def loaded(name: str) -> Lane:
    """Return what runs a lane."""
    lane: Lane = importlib.import_module(f"tests.soak.{name}").run
    return lane


def main(arguments: list[str], folder: Path = REPORTS, load: Callable[[str], Lane] = loaded) -> int:
    """Run one lane, or all with their own defaults; 1 when one failed, 2 for a wrong name.

    A lane that breaks has failed, and keeps no other from running.
    """
    name, *rest = arguments or [""]
    if name != "all" and name not in lanes():
        print(f"usage: python -m tests.soak all|{'|'.join(lanes())}")
        return 2
    reports = []
    for lane in lanes() if name == "all" else [name]:
        reports.append(_report_of(lane, load, rest))
        _tell(reports[-1], folder)
    return 1 if any(report.failures for report in reports) else 0


def _report_of(name: str, load: Callable[[str], Lane], arguments: list[str]) -> Report:
    try:
        return load(name)(arguments)
    except Exception as error:  # noqa: BLE001 - the entry point; the report of before must not stay
        traceback.print_exc()
        return Report(name, {}, (f"the lane itself broke: {type(error).__name__}: {error}",))


def _tell(report: Report, folder: Path) -> None:
    print(report.as_table())
    if report.kept:
        print(f"\nwritten to {report.write(folder)}")
    for failure in report.failures:
        print(f"FAILED: {failure}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
