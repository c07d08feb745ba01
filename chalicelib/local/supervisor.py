"""Run what the queue holds in worker processes, each in a process group of its own.

Workers ask the kernel to be killed when the thread that started them ends, so a supervisor must run
in the main thread of its process: a `kill -9` of that process then leaves no worker behind.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from chalicelib.adapters.embedded.workflow import Execution, SqliteWorkflow
from chalicelib.domain.errors import Conflict, Internal
from chalicelib.ports import Clock

LOOK_EVERY_S: Final = 0.2
"""How long new work waits at most before it is seen, and how soon a predicate is asked again."""
SWEEP_EVERY_S: Final = 300.0
START_DUE_EVERY_S: Final = 1.0
STOP_GRACE_S: Final = 5.0
"""A worker ends its dump within two seconds; what has not ended after five is killed."""


@dataclass(frozen=True)
class WorkerProgram:
    """Say how a worker is started: without the supervisor's own environment, except for this."""

    environment: Mapping[str, str]
    argv: Sequence[str] = (sys.executable, "-m", "chalicelib.worker")

    def start(self, execution: Execution) -> subprocess.Popen[bytes]:
        """Start a worker for an execution; only its stderr is ours."""
        try:
            return subprocess.Popen(  # noqa: S603 - the argument list is ours
                [*self.argv, execution.work.value, execution.work_id, str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=dict(self.environment),
                start_new_session=True,
            )
        except OSError as error:
            raise Internal(
                f"a worker process could not be started: {error.strerror}",
                hint="Look at the limits of processes and memory on this machine.",
            ) from error


@dataclass(frozen=True)
class Housekeeping:
    """Say what a supervisor does besides.

    `sweep` clears what a dead worker left. `start_due` starts what schedules expect, a part of it
    at a time, so that workers are looked after in between.
    """

    sweep: Callable[[], object]
    clock: Clock
    start_due: Callable[[], object] = lambda: None
    start_due_every_s: float = START_DUE_EVERY_S
    sweep_every_s: float = SWEEP_EVERY_S
    stop_grace_s: float = STOP_GRACE_S


@dataclass
class _Worker:
    execution: Execution
    process: subprocess.Popen[bytes]
    pidfd: int | None


@dataclass
class Supervisor:
    """Take executions and run them, at most `limit` at once; one per data folder.

    Use as a context manager: leaving it ends every worker and sweeps, so that no record stays in
    progress without anybody working on it.
    """

    queue: SqliteWorkflow
    program: WorkerProgram
    housekeeping: Housekeeping
    limit: int = 2
    _workers: list[_Worker] = field(default_factory=list, init=False)
    _exits: selectors.BaseSelector = field(
        default_factory=selectors.DefaultSelector, init=False, repr=False
    )
    _next_sweep: float = field(default=0.0, init=False)
    _next_due: float = field(default=0.0, init=False)

    def __enter__(self) -> Self:
        """Clear what an earlier supervisor left, then be ready."""
        if threading.current_thread() is not threading.main_thread():
            raise Internal("a supervisor must run in the main thread")
        # before the sweep: what still runs would be taken for alive, and could write afterwards
        for execution in self.queue.running():
            self._end_survivor(execution)
        self._sweep()
        return self

    def __exit__(self, *_: object) -> None:
        """End every worker, gently first, and sweep."""
        self.stop()
        self._exits.close()

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The process ids of the workers that run now."""
        return tuple(worker.process.pid for worker in self._workers)

    def run_until(self, predicate: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Work until the predicate holds, and return True; False after the time-out.

        The predicate is asked at least five times a second, in this thread.
        """
        clock = self.housekeeping.clock
        deadline = None if timeout_s is None else clock.monotonic() + timeout_s
        while not predicate():
            if deadline is not None and clock.monotonic() >= deadline:
                return False
            self._step()
        return True

    def drain(self, is_enough: Callable[[], bool]) -> None:
        """Take nothing new, and return once every worker has ended, or it is enough."""
        while self._workers and not is_enough():
            self._await_exits()

    def stop(self) -> None:
        """End every worker: SIGTERM, then SIGKILL for those that stay; then sweep."""
        clock = self.housekeeping.clock
        self._signal_all(signal.SIGTERM)
        deadline = clock.monotonic() + self.housekeeping.stop_grace_s
        while self._workers and clock.monotonic() < deadline:
            self._await_exits()
        self._signal_all(signal.SIGKILL)
        while self._workers:
            self._await_exits()
        self._sweep()

    def _step(self) -> None:
        for execution in self.queue.take(self.limit - len(self._workers)):
            self._spawn(execution)
        lost = self._await_exits()
        if lost or self.housekeeping.clock.monotonic() >= self._next_sweep:
            self._sweep()
        if self.housekeeping.clock.monotonic() >= self._next_due:
            self.housekeeping.start_due()
            self._next_due = (
                self.housekeeping.clock.monotonic() + self.housekeeping.start_due_every_s
            )

    def _spawn(self, execution: Execution) -> None:
        try:
            process = self.program.start(execution)
        except Internal:
            self.queue.ended(execution)
            raise
        worker = _Worker(execution, process, _watched(process.pid))
        self._workers.append(worker)
        if worker.pidfd is not None:
            self._exits.register(worker.pidfd, selectors.EVENT_READ)
        # False: stopped before it began; the queue has killed it, and its exit is seen as any other
        self.queue.started(execution, process.pid)

    def _await_exits(self) -> bool:
        """Wait a moment for workers to end; return whether one of them ended badly."""
        self._exits.select(LOOK_EVERY_S)
        gone = [worker for worker in self._workers if worker.process.poll() is not None]
        for worker in gone:
            self._forget(worker)
        return any(worker.process.returncode != 0 for worker in gone)

    def _forget(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        if worker.pidfd is not None:
            self._exits.unregister(worker.pidfd)
            os.close(worker.pidfd)
        self.queue.ended(worker.execution)

    def _signal_all(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.process.poll() is not None:
                continue
            if number is signal.SIGKILL:
                os.killpg(worker.process.pid, number)
            else:  # only the leader, for it must end its own children in order
                worker.process.send_signal(number)

    def _end_survivor(self, execution: Execution) -> None:
        if execution.supervisor is not None and execution.supervisor.is_alive:
            raise Conflict(
                f"process {execution.supervisor.pid} still runs work of this data folder",
                hint="Stop that process first.",
            )
        self.queue.stop(execution.work, execution.work_id)
        self.queue.ended(execution)

    def _start_due(self) -> None:
        keeping = self.housekeeping
        keeping.start_due()
        self._next_due = keeping.clock.monotonic() + keeping.start_due_every_s

    def _sweep(self) -> None:
        self.housekeeping.sweep()
        self._next_sweep = self.housekeeping.clock.monotonic() + self.housekeeping.sweep_every_s


def worker_environment(settings: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return what a worker may know: our settings, and of our own environment the harmless part.

    A password in the supervisor's environment must not reach workers and their children. Only a
    worker that keeps objects in a bucket gets what names AWS's credentials; its children do not.
    """
    kept = {"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "HOME", "PYTHONPATH", "VIRTUAL_ENV"}
    if "HOLDFAST_S3_BUCKET" in settings:
        kept |= {name for name in own if name.startswith("AWS_")}
    return {**{name: own[name] for name in sorted(kept) if name in own}, **settings}


def _watched(pid: int) -> int | None:
    # elsewhere than on Linux the exit is seen at the next look, a fifth of a second later
    return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
