"""Processes of a stand: workers to start, stop and wait for, and what must not outlive a run."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.faults.nursery import Order
from tests.support.servers import ROOT
from tests.support.waiting import await_that

WAIT_S: Final = 30.0


class Worker:
    """Hold one worker process by a descriptor, so that its id is never another's."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor: int | None = None
        with suppress(ProcessLookupError):  # it was quick
            self._descriptor = os.pidfd_open(pid)

    def wait(self) -> None:
        """Wait for its end, which must come."""
        if self._descriptor is None:
            return
        ended, _, _ = select.select([self._descriptor], [], [], WAIT_S)
        assert ended, "the worker does not end"
        os.close(self._descriptor)
        self._descriptor = None

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    @property
    def is_stopped(self) -> bool:
        return _state(self.pid) == "T"

    @property
    def is_gone(self) -> bool:
        return _state(self.pid) in {"", "Z"}

    def outlives(self, seconds: float) -> bool:
        """Wait so long, or for its end; tell whether it still runs."""
        if self._descriptor is None:
            return False
        ended, _, _ = select.select([self._descriptor], [], [], seconds)
        return not ended

    def await_that(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds, or for its end."""
        await_that(lambda: self.is_gone or condition())

    def await_stop(self) -> bool:
        """Wait until it is stopped or gone; tell whether it is stopped."""
        await_that(lambda: self.is_stopped or self.is_gone)
        return self.is_stopped


class Nursery:
    """Own the process that forks workers."""

    def __init__(self, clients: Path, scratch: Path, environment: Mapping[str, str]) -> None:
        program = [sys.executable, "-m", "tests.faults.nursery"]
        self._process = subprocess.Popen(
            [*program, str(clients), str(scratch), str(os.getpid())],
            cwd=ROOT,
            env={"PATH": os.defpath, "TMPDIR": str(scratch), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def start(self, order: Order) -> Worker:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order.line())
        self._process.stdin.flush()
        return Worker(int(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


def running_from(folder: Path) -> list[int]:
    """Return the processes whose program lies below a folder, zombies aside."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile
            if (entry / "exe").readlink().is_relative_to(folder):
                found.append(int(entry.name))
    return found


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
