"""Run the command behind the gate: its argv, our streams, its signals, its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from shutil import which
from typing import Final

from chalicelib.cli.interruption import Interruption, interrupted
from chalicelib.domain.errors import InvalidRequest

TERMINAL: Final = "/dev/tty"
KILLED_BY: Final = 128
"""What shells add to a signal's number for the exit code of whoever it ended."""


class Forwarding:
    """Pass signals on to a process; those that come while it starts wait until it has."""

    def __init__(self) -> None:
        """Begin without a process."""
        self.early: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    def receive(self, number: int) -> None:
        """Take a signal; this runs inside the handler."""
        if self._process is None:
            self.early.append(number)
        elif number != signal.SIGINT or not _hears_the_terminal():
            self._process.send_signal(number)

    def begin(self, process: subprocess.Popen[bytes]) -> None:
        """Deliver what came early, and from now on whatever comes."""
        # before the loop: what comes meanwhile goes straight on and is not lost
        self._process = process
        for number in self.early:
            process.send_signal(number)


def require_program(argv: Sequence[str], environment: Mapping[str, str]) -> None:
    """Refuse a command that cannot be found, before anything is done for it."""
    if which(argv[0], path=environment.get("PATH", os.defpath)) is None:
        raise _not_started(argv[0])


def run_command(
    argv: Sequence[str], environment: Mapping[str, str], interruption: Interruption
) -> int:
    """Run the command to its end and return its exit code, 128 + n when signal n ended it.

    Signals that reach this process go to the command, which decides what to make of them. A command
    outlives a gate that is killed outright: half a migration is worse than one without a gate.
    """
    forwarding = Forwarding()
    with interruption.passed_on(forwarding.receive):
        if forwarding.early:
            # asked to stop before anything ran: then nothing does
            raise interrupted()
        process = _started(argv, environment)
        forwarding.begin(process)
        code = process.wait()
    return KILLED_BY - code if code < 0 else code


def _started(argv: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(list(argv), env=dict(environment))  # noqa: S603 - the caller's own command, no shell
    except (OSError, ValueError) as error:
        raise _not_started(argv[0]) from error


def _not_started(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"the command {name!r} cannot be started",
        hint="Name a program of PATH or the path of one; a shell's own words need `sh -c`.",
    )


def _hears_the_terminal() -> bool:
    """Tell whether Ctrl-C reaches the command without us: it then goes to our whole group."""
    try:
        terminal = os.open(TERMINAL, os.O_RDONLY | os.O_NOCTTY)
    except OSError:  # there is none, so whoever sent the signal sent it to us alone
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)
