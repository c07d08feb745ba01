"""Know and end processes of this machine without ever hitting another's.

A process id is used again after a while, so a process is named by its id and its start time. Where
the system does not tell start times (no /proc), a process counts as unknown: it is never killed.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chalicelib.domain.errors import DeadlineExceeded, Internal

KILL_TIMEOUT_S: Final = 10.0
"""A killed process that is still there after this long is stuck inside the kernel."""

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_STATE, _START_TIME = 0, 19  # proc(5): fields 3 and 22, counted from behind the name
_DEAD_STATES: Final = frozenset("ZXx")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class _Stat:
    state: str
    start_time: str


def start_time(pid: int) -> str | None:
    """Return a text that names when the process started, unique across reboots.

    None when there is no such process or the system does not tell.
    """
    stat = _stat(pid)
    return stat.start_time if stat else None


def is_alive(pid: int, started: str | None) -> bool:
    """Tell whether exactly this process still runs; a zombie changes nothing any more."""
    stat = _stat(pid)
    return stat is not None and stat.start_time == started and stat.state not in _DEAD_STATES


def end_process(pid: int, started: str | None, *, timeout_s: float = KILL_TIMEOUT_S) -> None:
    """Kill exactly this process with its group, and return when it is dead.

    One that is gone already, or whose id now belongs to another, is left alone.
    """
    if not is_alive(pid, started):
        return
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # Once more, because the id may have passed on before we held it.
        if is_alive(pid, started):
            _kill(pid)
            _wait(watch, pid, timeout_s)
    finally:
        os.close(watch)


def die_with_parent(parent_pid: int | None = None) -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux only).

    Call it first thing in the child. With `parent_pid` a parent that died before the call is
    noticed too, and this process ends at once; without it only one that dies during the call. Start
    such children from a thread that lives as long as the process.
    """
    if sys.platform != "linux":
        return
    expected = os.getppid() if parent_pid is None else parent_pid
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        cause = os.strerror(ctypes.get_errno())
        raise Internal(f"the process cannot be tied to its parent: {cause.lower()}")
    if os.getppid() != expected:
        os.kill(os.getpid(), signal.SIGKILL)


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        boot_id = _BOOT_ID.read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses and may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    return _Stat(fields[_STATE], f"{boot_id}/{fields[_START_TIME]}")


def _kill(pid: int) -> None:
    try:
        with suppress(ProcessLookupError):
            # Only a leader's group is its own; another's group may be ours.
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
    except PermissionError as error:
        raise Internal(
            f"process {pid} belongs to another user", hint="End it as that user."
        ) from error


def _wait(watch: int, pid: int, timeout_s: float) -> None:
    # A pidfd becomes readable when the process ends, whether its parent has reaped it or not.
    readable, _, _ = select.select([watch], [], [], timeout_s)
    if not readable:
        raise DeadlineExceeded(
            f"process {pid} did not end within {timeout_s:g} s of being killed",
            hint="It waits for a disk or the network inside the kernel; restart the machine.",
        )
