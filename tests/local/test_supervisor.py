from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.adapters.embedded.processes import is_alive, start_time
from chalicelib.domain.errors import Conflict, Internal
from chalicelib.domain.execution import Work
from chalicelib.local.supervisor import worker_environment

NOTE = (
    "import os, sys; open(os.environ['FOLDER'] + '/ran', 'a').write(' '.join(sys.argv[1:]) + '\\n')"
)
WAIT = NOTE + "\nimport signal; signal.pause()"
SLOW = "import threading; threading.Event().wait(0.5)\n" + NOTE
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAIT
CRASH = NOTE + "\nsys.exit(1)"


def test_queued_work_runs_once_and_is_over(bench: Callable[[], Any]) -> None:
    it = bench()
    it.queue.start(Work.BACKUP, "b1")
    it.queue.start(Work.JOB, "j1")

    with it.supervisor(NOTE) as supervisor:
        ended = supervisor.run_until(
            lambda: len(it.lines("ran")) == 2 and not supervisor.worker_pids, 20
        )

    assert ended
    us = os.getpid()  # a worker is told whose end is its own
    assert sorted(it.lines("ran")) == [f"backup b1 {us}", f"job j1 {us}"]
    assert not it.queue.is_running(Work.BACKUP, "b1")


def test_no_more_workers_run_than_allowed(bench: Callable[[], Any]) -> None:
    it = bench()
    for number in range(4):
        it.queue.start(Work.BACKUP, f"b{number}")

    with it.supervisor(WAIT, limit=2) as supervisor:
        supervisor.run_until(lambda: len(it.lines("ran")) == 2, 20)
        supervisor.run_until(lambda: False, 0.5)

        assert len(supervisor.worker_pids) == 2
        assert it.queue.waiting_count() == 2


def test_a_worker_that_ends_badly_is_swept_after_at_once(bench: Callable[[], Any]) -> None:
    it = bench()
    it.queue.start(Work.BACKUP, "b1")

    with it.supervisor(CRASH) as supervisor:
        before = len(it.sweeps)
        swept = supervisor.run_until(lambda: len(it.sweeps) > before, 20)

    assert swept


def test_what_is_due_is_looked_for_again_and_again_and_not_when_all_ends(
    bench: Callable[[], Any],
) -> None:
    it = bench()

    with it.supervisor(NOTE) as supervisor:
        looked = supervisor.run_until(lambda: len(it.looks) >= 3, 20)
        before = len(it.looks)

    assert looked
    assert len(it.looks) == before


def test_the_wait_for_a_predicate_ends_in_time(bench: Callable[[], Any]) -> None:
    with bench().supervisor(NOTE) as supervisor:
        assert supervisor.run_until(lambda: False, 0.3) is False


def test_a_drain_lets_what_runs_end_and_takes_nothing_new(bench: Callable[[], Any]) -> None:
    it = bench()
    it.queue.start(Work.BACKUP, "b1")

    with it.supervisor(SLOW, limit=1) as supervisor:
        supervisor.run_until(lambda: bool(supervisor.worker_pids), 20)
        it.queue.start(Work.BACKUP, "b2")
        supervisor.drain(lambda: False)

        assert [line.split()[1] for line in it.lines("ran")] == ["b1"]
        assert it.queue.waiting_count() == 1


def test_a_drain_ends_when_it_is_enough(bench: Callable[[], Any]) -> None:
    it = bench()
    it.queue.start(Work.BACKUP, "b1")

    with it.supervisor(WAIT) as supervisor:
        supervisor.run_until(lambda: len(it.lines("ran")) == 1, 20)
        supervisor.drain(lambda: True)

        assert len(supervisor.worker_pids) == 1


@pytest.mark.parametrize(("script", "grace_s"), [(WAIT, 20.0), (STUBBORN, 0.3)])
def test_leaving_ends_every_worker_and_sweeps(
    bench: Callable[[], Any], script: str, grace_s: float
) -> None:
    it = bench()
    it.queue.start(Work.BACKUP, "b1")

    with it.supervisor(script, grace_s=grace_s) as supervisor:
        supervisor.run_until(lambda: it.lines("ran") != [], 20)
        pids = supervisor.worker_pids
        before = len(it.sweeps)

    assert len(pids) == 1
    assert start_time(pids[0]) is None
    assert it.queue.running() == []
    assert len(it.sweeps) == before + 1


def test_a_stopped_execution_is_noticed(bench: Callable[[], Any]) -> None:
    it = bench()
    it.queue.start(Work.BACKUP, "b1")

    with it.supervisor(WAIT) as supervisor:
        supervisor.run_until(lambda: it.lines("ran") != [], 20)
        threading.Thread(target=it.queue.stop, args=(Work.BACKUP, "b1")).start()

        assert supervisor.run_until(lambda: not supervisor.worker_pids, 20)


def test_a_program_that_cannot_start_leaves_nothing_running(bench: Callable[[], Any]) -> None:
    it = bench()
    it.queue.start(Work.BACKUP, "b1")
    supervisor = it.supervisor(NOTE, python="/nonexistent/program")

    with pytest.raises(Internal, match="could not be started"), supervisor:
        supervisor.run_until(lambda: False, 5)

    assert it.queue.running() == []


def test_a_survivor_of_a_killed_supervisor_is_ended_first(bench: Callable[[], Any]) -> None:
    it = bench()
    it.queue.start(Work.BACKUP, "b1")
    orphan = _orphan_of_a_killed_supervisor(str(it.folder))

    with it.supervisor(NOTE):
        alive = is_alive(orphan, start_time(orphan))

    assert not alive
    assert it.queue.running() == []


def test_work_of_a_living_supervisor_is_left_alone(bench: Callable[[], Any]) -> None:
    it = bench()
    it.queue.start(Work.BACKUP, "b1")
    it.queue.take(1)

    with pytest.raises(Conflict, match=str(os.getpid())), it.supervisor(NOTE):
        pass


def test_it_refuses_to_run_in_another_thread(bench: Callable[[], Any]) -> None:
    caught: list[Internal] = []

    def enter() -> None:
        try:
            bench().supervisor(NOTE).__enter__()
        except Internal as error:
            caught.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()

    assert "main thread" in caught[0].message


def test_workers_get_settings_and_nothing_secret() -> None:
    own = {"PATH": "/bin", "PGPASSWORD": "x", "HOLDFAST_API_KEY": "x", "DATABASE_URL": "x"}

    environment = worker_environment({"HOLDFAST_DATA": "/data"}, own)

    assert environment == {"PATH": "/bin", "HOLDFAST_DATA": "/data"}


def _orphan_of_a_killed_supervisor(folder: str) -> int:
    code = (
        "import os, pathlib, subprocess, sys;"
        "from chalicelib.adapters.embedded.workflow import SqliteWorkflow;"
        "queue = SqliteWorkflow(pathlib.Path(sys.argv[1]) / 'queue.sqlite');"
        "execution = queue.take(1)[0];"
        "child = subprocess.Popen(['/bin/sleep', '60'], start_new_session=True,"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        "queue.started(execution, child.pid); print(child.pid, flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    return int(done.stdout)
