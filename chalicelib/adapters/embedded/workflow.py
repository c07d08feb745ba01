"""A durable queue of executions in a SQLite file, and what a supervisor needs to run them.

    start ──▶ waiting ──take──▶ running, no process yet ──started──▶ running with a process
                 └─stop─▶ (no row) ◀──────────── stop, ended ───────────────┘

An ended execution has no row, so the file does not grow and the same work can be started again.
Each start has a number of its own: what a supervisor says late about an old one changes nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from chalicelib.adapters.embedded import processes
from chalicelib.adapters.embedded.sqlite_file import Schema, SqliteFile
from chalicelib.adapters.system import SystemClock
from chalicelib.domain.execution import Work
from chalicelib.ports import Clock

SCHEMA: Final = Schema(
    "workflow",
    (
        (
            """
            CREATE TABLE executions (
                number INTEGER PRIMARY KEY AUTOINCREMENT,
                work TEXT NOT NULL,
                id TEXT NOT NULL,
                state TEXT NOT NULL,
                enqueued_at TEXT NOT NULL,
                pid INTEGER,
                pid_start_time TEXT,
                supervisor_pid INTEGER,
                supervisor_start_time TEXT,
                stop_asked INTEGER NOT NULL DEFAULT 0,
                UNIQUE (work, id)
            )
            """,
            "CREATE INDEX executions_by_state ON executions (state, number)",
        ),
    ),
)

# A stop that no process has heard yet is taken back: nothing has run, so nothing differs.
_START: Final = """
    INSERT INTO executions (work, id, state, enqueued_at) VALUES (?, ?, 'waiting', ?)
    ON CONFLICT (work, id) DO UPDATE SET stop_asked = 0
"""
_BY_WORK: Final = """
    SELECT number, work, id, state, enqueued_at, pid, pid_start_time,
           supervisor_pid, supervisor_start_time
    FROM executions WHERE work = ? AND id = ?
"""
_BY_STATE: Final = """
    SELECT number, work, id, state, enqueued_at, pid, pid_start_time,
           supervisor_pid, supervisor_start_time
    FROM executions WHERE state = ? ORDER BY number LIMIT ?
"""
_TAKE: Final = """
    UPDATE executions SET state = 'running', supervisor_pid = ?, supervisor_start_time = ?
    WHERE number = ?
"""
_STARTED: Final = """
    UPDATE executions SET pid = ?, pid_start_time = ?
    WHERE number = ? AND state = 'running' AND stop_asked = 0
"""
# Taken, but without a process: only its supervisor can keep that process from working.
_ASK_STOP: Final = """
    UPDATE executions SET stop_asked = 1
    WHERE work = ? AND id = ? AND state = 'running' AND pid IS NULL
"""
_DROP_WAITING: Final = "DELETE FROM executions WHERE work = ? AND id = ? AND state = 'waiting'"
_END: Final = "DELETE FROM executions WHERE number = ?"
_ALL: Final = -1  # SQLite's LIMIT without a limit


class State(StrEnum):
    """Say where an execution stands."""

    WAITING = "waiting"
    RUNNING = "running"


@dataclass(frozen=True)
class Process:
    """Name a process; `start_time` as `processes.start_time` gives it."""

    pid: int
    start_time: str | None

    @property
    def is_alive(self) -> bool:
        """Whether exactly this process still runs."""
        return processes.is_alive(self.pid, self.start_time)


@dataclass(frozen=True)
class Execution:
    """Describe one start of a work; `process` is set once its supervisor has told it."""

    number: int
    work: Work
    work_id: str
    state: State
    enqueued_at: datetime
    process: Process | None = None
    supervisor: Process | None = None

    @property
    def is_running(self) -> bool:
        """Whether it may still change something.

        Workers die with their supervisor, so one without a known process is as alive as that.
        """
        if self.state is State.WAITING:
            return True
        known = self.process or self.supervisor
        return known is not None and known.is_alive


class SqliteWorkflow:
    """Queue work and end it (the `Workflow` port); the rest is for the supervisor."""

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        """Open the file, or make it."""
        # After a power cut every process is gone, and the sweeper starts pending work that is in
        # no queue: nothing here has to wait for the disk.
        self._file = SqliteFile(path, SCHEMA, synchronous="NORMAL")
        self._clock = clock or SystemClock()

    def start(self, work: Work, work_id: str) -> None:
        """Queue the work, unless it waits or runs already."""
        with self._file.writing() as connection:
            connection.execute(_START, (work, work_id, self._clock.now().isoformat()))

    def stop(self, work: Work, work_id: str) -> None:
        """Take it out of the queue, or kill its process and wait until it is dead.

        One that was taken but has no process yet ends when its supervisor names the process.
        """
        with self._file.writing() as connection:
            connection.execute(_DROP_WAITING, (work, work_id))
            connection.execute(_ASK_STOP, (work, work_id))
        execution = self._execution(work, work_id)
        if execution is None or execution.process is None:
            return
        processes.end_process(execution.process.pid, execution.process.start_time)
        self.ended(execution)

    def is_running(self, work: Work, work_id: str) -> bool:
        """Tell whether it waits, or its process is really alive."""
        execution = self._execution(work, work_id)
        return execution is not None and execution.is_running

    def take(self, limit: int) -> list[Execution]:
        """Claim waiting executions for this process, oldest first; no two claims overlap."""
        pid = os.getpid()
        me = Process(pid, processes.start_time(pid))
        with self._file.writing() as connection:
            rows = connection.execute(_BY_STATE, (State.WAITING, max(limit, 0))).fetchall()
            for row in rows:
                connection.execute(_TAKE, (me.pid, me.start_time, row[0]))
        return [_execution((*row[:3], State.RUNNING, *row[4:7], *_pair(me))) for row in rows]

    def started(self, execution: Execution, pid: int) -> bool:
        """Note the process of a claimed execution.

        False when it was stopped meanwhile: then the process is dead and the execution has ended.
        """
        process = Process(pid, processes.start_time(pid))
        with self._file.writing() as connection:
            cursor = connection.execute(_STARTED, (*_pair(process), execution.number))
            if cursor.rowcount == 1:
                return True
        processes.end_process(process.pid, process.start_time)
        self.ended(execution)
        return False

    def ended(self, execution: Execution) -> None:
        """Note that an execution is over; once more is fine, and so is a newer start of it."""
        with self._file.writing() as connection:
            connection.execute(_END, (execution.number,))

    def running(self) -> list[Execution]:
        """List what supervisors have claimed, this one and any before it."""
        with self._file.reading() as connection:
            rows = connection.execute(_BY_STATE, (State.RUNNING, _ALL)).fetchall()
        return [_execution(row) for row in rows]

    def waiting_count(self) -> int:
        """Count what nobody has claimed yet."""
        with self._file.reading() as connection:
            counted = "SELECT count(*) FROM executions WHERE state = 'waiting'"
            return int(connection.execute(counted).fetchone()[0])

    def close(self) -> None:
        """Close the file; further calls raise StorageFailed."""
        self._file.close()

    def _execution(self, work: Work, work_id: str) -> Execution | None:
        with self._file.reading() as connection:
            row = connection.execute(_BY_WORK, (work, work_id)).fetchone()
        return None if row is None else _execution(row)


Row = tuple[int, str, str, str, str, int | None, str | None, int | None, str | None]


def _execution(row: Row) -> Execution:
    return Execution(
        number=row[0],
        work=Work(row[1]),
        work_id=row[2],
        state=State(row[3]),
        enqueued_at=datetime.fromisoformat(row[4]),
        process=_process(row[5], row[6]),
        supervisor=_process(row[7], row[8]),
    )


def _process(pid: int | None, started: str | None) -> Process | None:
    return None if pid is None else Process(pid, started)


def _pair(process: Process) -> tuple[int, str | None]:
    return process.pid, process.start_time
