"""A queue, and workers that are small scripts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.workflow import SqliteWorkflow
from chalicelib.adapters.system import SystemClock
from chalicelib.local.supervisor import Housekeeping, Supervisor, WorkerProgram


@dataclass
class Bench:
    """Hold a supervisor over a fresh queue, and count its sweeps and looks for what is due."""

    folder: Path
    queue: SqliteWorkflow
    sweeps: list[int] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)

    def supervisor(
        self,
        script: str,
        *,
        limit: int = 2,
        grace_s: float = 5.0,
        python: str = sys.executable,
    ) -> Supervisor:
        program = WorkerProgram(
            {"FOLDER": str(self.folder), "PATH": "/usr/bin:/bin"}, (python, "-c", script)
        )
        keeping = Housekeeping(
            lambda: self.sweeps.append(1),
            SystemClock(),
            stop_grace_s=grace_s,
            start_due=lambda: self.looks.append(1),
            start_due_every_s=0.3,
        )
        return Supervisor(self.queue, program, keeping, limit)

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def bench(tmp_path: Path) -> Callable[[], Bench]:
    return lambda: Bench(tmp_path, SqliteWorkflow(tmp_path / "queue.sqlite"))
