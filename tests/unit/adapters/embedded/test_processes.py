"""Processes are named by id and start time, ended for good, and die with their parent."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from chalicelib.adapters.embedded.processes import end_process, is_alive, start_time

ODD_NAME = "import ctypes; ctypes.CDLL(None).prctl(15, b') R 1 (x')"  # PR_SET_NAME

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(child.pid, child.stdout.readline().strip(), flush=True)
sys.stdin.read()
"""
TIED_CHILD = """
import signal
from chalicelib.adapters.embedded.processes import die_with_parent
die_with_parent()
print("tied", flush=True)
signal.pause()
"""
ORPHAN = """
from chalicelib.adapters.embedded.processes import die_with_parent
die_with_parent(parent_pid=1 << 30)
print("still here", flush=True)
"""
FAMILY = """
import subprocess, sys
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["sleep", "600"])
    yield child
    child.kill()
    child.wait()


def wait_until_dead(pid: int) -> bool:
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watch], [], [], 10)[0])
    finally:
        os.close(watch)


def talking(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()


def test_a_start_time_stays_and_differs_between_boots_and_processes(
    sleeper: subprocess.Popen[bytes],
) -> None:
    assert start_time(sleeper.pid) == start_time(sleeper.pid)
    assert start_time(sleeper.pid) != start_time(1)


def test_a_process_that_is_not_there_has_no_start_time() -> None:
    assert start_time(1 << 30) is None


def test_a_process_with_a_misleading_name_is_read_right() -> None:
    child = talking(f"{ODD_NAME}; print('named', flush=True); input()")
    assert child.stdout is not None
    child.stdout.readline()

    assert is_alive(child.pid, start_time(child.pid))
    ended(child)


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen(["true"])
    started = start_time(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not is_alive(child.pid, started)
    child.wait()


@pytest.mark.parametrize("started", [None, "", "another boot/1"])
def test_a_process_with_another_start_time_is_spared(
    sleeper: subprocess.Popen[bytes], started: str | None
) -> None:
    end_process(sleeper.pid, started)

    assert sleeper.poll() is None


def test_an_ended_process_is_dead_on_return(sleeper: subprocess.Popen[bytes]) -> None:
    started = start_time(sleeper.pid)

    end_process(sleeper.pid, started)

    assert not is_alive(sleeper.pid, started)
    assert sleeper.wait() == -signal.SIGKILL


def test_ending_a_process_that_is_gone_is_fine(sleeper: subprocess.Popen[bytes]) -> None:
    started = start_time(sleeper.pid)
    end_process(sleeper.pid, started)
    sleeper.wait()

    end_process(sleeper.pid, started)

    assert start_time(sleeper.pid) is None


def test_a_group_ends_with_its_leader() -> None:
    leader = talking(FAMILY)
    assert leader.stdout is not None
    child_pid = int(leader.stdout.readline())

    end_process(leader.pid, start_time(leader.pid))

    assert wait_until_dead(child_pid)
    ended(leader)


def test_a_member_is_ended_without_its_group(sleeper: subprocess.Popen[bytes]) -> None:
    assert os.getpgid(sleeper.pid) == os.getpgid(0)  # else this test would prove nothing

    end_process(sleeper.pid, start_time(sleeper.pid))

    assert sleeper.wait() == -signal.SIGKILL


def test_a_tied_child_dies_with_its_parent() -> None:
    parent = talking(PARENT, TIED_CHILD)
    assert parent.stdout is not None
    pid, word = parent.stdout.readline().split()

    parent.kill()

    assert word == "tied"
    assert wait_until_dead(int(pid))
    ended(parent)


def test_a_child_whose_parent_died_before_ends_at_once() -> None:
    child = subprocess.run([sys.executable, "-c", ORPHAN], check=False, capture_output=True)

    assert child.returncode == -signal.SIGKILL
    assert child.stdout == b""
