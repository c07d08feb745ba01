"""What a lane of the soak reports: figures that a table can show, and failures with a command."""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

REPORTS: Final = Path(__file__).parent / "reports"


@dataclass(frozen=True)
class Report:
    """Say what a lane did. `failures` are sentences, each with how to repeat it."""

    lane: str
    figures: dict[str, str | int | float]
    failures: tuple[str, ...] = ()

    def as_table(self) -> str:
        """Return the figures as a Markdown table."""
        rows = [f"| {name} | {value} |" for name, value in self.figures.items()]
        return "\n".join([f"| {self.lane} | |", "|---|--:|", *rows])

    def write(self) -> Path:
        """Keep the report beside the others, with the conditions it was made under."""
        conditions = f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"
        REPORTS.mkdir(exist_ok=True)
        path = REPORTS / f"{self.lane}.json"
        kept = {"conditions": f"{conditions}, Python {platform.python_version()}", **asdict(self)}
        path.write_text(json.dumps(kept, indent=2) + "\n")
        return path


def sized(lane: str, size: str, default: int, arguments: list[str]) -> tuple[int, int]:
    """Read what most lanes take: how much of what they count, and the first seed."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.soak {lane}")
    parser.add_argument(f"--{size}", type=int, default=default, dest="size")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    return chosen.size, chosen.seed


def bound_95(trials: int) -> float:
    """Return the rate that no failure in so many trials excludes with 95 % confidence (3/n)."""
    return 3 / trials if trials else 1.0
