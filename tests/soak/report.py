"""What a lane of the soak reports: figures that a table can show, and failures with a command."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
REPORTS: Final = Path(__file__).parent / "reports"
BOUND: Final = "95 % bound on false success"


@dataclass(frozen=True)
class Report:
    """Say what a lane did. `failures` are sentences, each with how to repeat it.

    One that is not `kept` looks at a single case again, and leaves the lane's report as it is.
    """

    lane: str
    figures: dict[str, str | int | float]
    failures: tuple[str, ...] = ()
    kept: bool = True

    def as_table(self) -> str:
        """Return the figures as a Markdown table."""
        rows = [f"| {name} | {value} |" for name, value in self.figures.items()]
        return "\n".join([f"| {self.lane} | |", "|---|--:|", *rows])

    def write(self, folder: Path = REPORTS) -> Path:
        """Keep the report beside the others, with what it was made of, when, and where."""
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.lane}.json"
        said = {name: value for name, value in asdict(self).items() if name != "kept"}
        path.write_text(json.dumps({**_origin(), **said}, indent=2) + "\n")
        return path


def _origin() -> dict[str, str]:
    machine = f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"
    return {
        "revision": revision(ROOT),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "conditions": f"{machine}, Python {platform.python_version()}",
    }


def revision(root: Path) -> str:
    """Name the commit that runs, and whether anything but reports differs from it."""
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    # the reports of this very run are no change of what it ran
    reports = f":!{REPORTS.relative_to(ROOT)}"
    is_changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", reports)
    return f"{commit} with changes" if commit and is_changed else commit or "unknown"


def _git(root: Path, *arguments: str) -> str:
    try:
        run = subprocess.run(
            ["git", "-C", root, *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def sized(lane: str, size: str, default: int, arguments: list[str]) -> tuple[int, int]:
    """Read what most lanes take: how much of what they count, and the first seed."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.soak {lane}")
    parser.add_argument(f"--{size}", type=int, default=default, dest="size")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    return chosen.size, chosen.seed


def bound_told(trials: int, failures: int) -> str:
    """State the bound, which holds without a failure only."""
    return "none" if failures else f"{min(1.0, bound_95(trials)):.4%}"


def bound_95(trials: int) -> float:
    """Return the rate that no failure in so many trials excludes with 95 % confidence (3/n)."""
    return 3 / trials if trials else 1.0
