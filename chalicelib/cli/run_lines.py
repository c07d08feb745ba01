"""What is printed of a run: its record, and a line for each step it took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.cli.output import print_record
from chalicelib.cli.progress_view import duration


def print_run(run: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a run; for people each of its steps has a line. Other records are printed as they are.

    A service of before tells no steps.
    """
    if as_json or not run.get("steps"):
        print_record(run, as_json=as_json)
        return
    steps = {str(number): _told(step) for number, step in enumerate(run["steps"], 1)}
    print_record({**run, "steps": steps}, as_json=False)


def _told(step: Mapping[str, Any]) -> str:
    words = f"attempt {step['attempt']}: {step['words']}" if step["attempt"] > 1 else step["words"]
    took = "still going on" if step["duration_s"] is None else duration(step["duration_s"])
    return f"{step['began_at']} {words}, {took}"
