"""The queue as its supervisor sees it, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.workflow import Execution, Process, SqliteWorkflow, State
from chalicelib.domain.execution import Work

Spawn = Callable[[], subprocess.Popen[bytes]]

TAKER = """
import sys
from pathlib import Path
from chalicelib.adapters.embedded.workflow import SqliteWorkflow
(taken,) = SqliteWorkflow(Path(sys.argv[1])).take(1)
print(taken.number)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workflow.db"


@pytest.fixture
def queue(path: Path) -> Iterator[SqliteWorkflow]:
    queue = SqliteWorkflow(path)
    yield queue
    queue.close()


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start processes that wait for ever, each in a group of its own."""
    children: list[subprocess.Popen[bytes]] = []

    def started() -> subprocess.Popen[bytes]:
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        children.append(child)
        return child

    yield started
    for child in children:
        child.kill()
        child.wait()


def taken(queue: SqliteWorkflow, work_id: str = "b1") -> Execution:
    queue.start(Work.BACKUP, work_id)
    (execution,) = queue.take(1)
    return execution


def test_executions_are_taken_oldest_first(queue: SqliteWorkflow) -> None:
    for work_id in ("b2", "b1", "b3"):
        queue.start(Work.BACKUP, work_id)

    first, second = queue.take(2), queue.take(2)

    assert [e.work_id for e in first] == ["b2", "b1"]
    assert [e.work_id for e in second] == ["b3"]


@pytest.mark.parametrize("limit", [0, -1])
def test_no_room_takes_nothing(queue: SqliteWorkflow, limit: int) -> None:
    queue.start(Work.BACKUP, "b1")

    assert queue.take(limit) == []
    assert queue.waiting_count() == 1


def test_what_was_taken_is_listed_as_running(queue: SqliteWorkflow) -> None:
    execution = taken(queue)

    assert queue.running() == [execution]
    assert execution.state is State.RUNNING
    assert execution.supervisor is not None
    assert execution.supervisor.pid == os.getpid()
    assert queue.waiting_count() == 0


def test_no_two_threads_take_the_same(queue: SqliteWorkflow) -> None:
    for number in range(20):
        queue.start(Work.JOB, str(number))

    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(lambda _: queue.take(5), range(4)))

    assert sorted(int(e.work_id) for batch in batches for e in batch) == list(range(20))


def test_starting_what_runs_changes_nothing(queue: SqliteWorkflow) -> None:
    execution = taken(queue)

    queue.start(Work.BACKUP, "b1")

    assert queue.running() == [execution]
    assert queue.waiting_count() == 0


def test_a_queue_outlives_its_process(queue: SqliteWorkflow, path: Path) -> None:
    queue.start(Work.BACKUP, "b1")
    queue.close()

    again = SqliteWorkflow(path)

    assert again.is_running(Work.BACKUP, "b1")
    again.close()


def test_a_started_process_is_known_with_its_start_time(
    queue: SqliteWorkflow, spawn: Spawn
) -> None:
    execution, child = taken(queue), spawn()

    assert queue.started(execution, child.pid)

    (running,) = queue.running()
    assert running.process is not None
    assert running.process.pid == child.pid
    assert running.process.start_time


def test_it_runs_as_long_as_its_process_lives(queue: SqliteWorkflow, spawn: Spawn) -> None:
    execution, child = taken(queue), spawn()
    queue.started(execution, child.pid)
    alive = queue.is_running(Work.BACKUP, "b1")

    child.kill()
    child.wait()

    assert alive
    assert not queue.is_running(Work.BACKUP, "b1")


def test_stop_kills_the_process(queue: SqliteWorkflow, spawn: Spawn) -> None:
    execution, child = taken(queue), spawn()
    queue.started(execution, child.pid)

    queue.stop(Work.BACKUP, "b1")

    assert child.wait(10) == -signal.SIGKILL
    assert not queue.is_running(Work.BACKUP, "b1")
    assert queue.running() == []


def test_stop_spares_a_process_that_only_has_the_same_id(
    queue: SqliteWorkflow, spawn: Spawn, path: Path
) -> None:
    execution, child = taken(queue), spawn()
    queue.started(execution, child.pid)
    with SqliteWorkflow(path)._file.writing() as connection:  # noqa: SLF001 - a reused id cannot be had otherwise
        connection.execute("UPDATE executions SET pid_start_time = 'earlier'")

    queue.stop(Work.BACKUP, "b1")

    assert child.poll() is None
    assert not queue.is_running(Work.BACKUP, "b1")


def test_a_stop_before_the_process_is_known_ends_it_then(
    queue: SqliteWorkflow, spawn: Spawn
) -> None:
    execution = taken(queue)
    queue.stop(Work.BACKUP, "b1")
    still_running = queue.is_running(Work.BACKUP, "b1")
    child = spawn()

    assert not queue.started(execution, child.pid)

    assert still_running
    assert child.wait(10) == -signal.SIGKILL
    assert not queue.is_running(Work.BACKUP, "b1")


def test_a_start_takes_back_a_stop_that_nobody_heard(queue: SqliteWorkflow, spawn: Spawn) -> None:
    execution = taken(queue)
    queue.stop(Work.BACKUP, "b1")

    queue.start(Work.BACKUP, "b1")

    assert queue.started(execution, spawn().pid)


def test_an_ended_execution_can_be_started_again(queue: SqliteWorkflow) -> None:
    execution = taken(queue)
    queue.ended(execution)

    queue.start(Work.BACKUP, "b1")

    assert queue.waiting_count() == 1


def test_a_late_word_on_an_old_execution_changes_nothing(
    queue: SqliteWorkflow, spawn: Spawn
) -> None:
    old = taken(queue)
    queue.ended(old)
    new = taken(queue)

    queue.ended(old)
    was_started = queue.started(old, spawn().pid)

    assert not was_started
    assert queue.running() == [new]


def test_work_taken_by_a_supervisor_that_died_is_not_running(
    queue: SqliteWorkflow, path: Path
) -> None:
    queue.start(Work.BACKUP, "b1")
    subprocess.run([sys.executable, "-c", TAKER, str(path)], check=True, stdout=subprocess.DEVNULL)

    (left,) = queue.running()

    assert left.process is None
    assert not queue.is_running(Work.BACKUP, "b1")


def test_an_unknown_process_is_not_alive() -> None:
    assert not Process(os.getpid(), None).is_alive
    assert not Process(os.getpid(), "").is_alive
