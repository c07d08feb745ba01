"""Promises of running the gate's command: its argv, its exit code, and every signal once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from chalicelib.cli.gated_command import Forwarding, require_program, run_command
from chalicelib.cli.interruption import Interruption
from chalicelib.domain.errors import InvalidRequest

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
SIGNALS_PARENT = "import os, signal; os.kill(os.getppid(), signal.{}); signal.pause()"
HEARS_TWO = """
import os, signal, sys, threading
heard = threading.Semaphore(0)
signal.signal(signal.SIGTERM, lambda *_: heard.release())
for _ in range(2):
    os.kill(os.getppid(), signal.SIGTERM)
    assert heard.acquire(timeout=20)
sys.exit(42)
"""


def run(script: str, interruption: Interruption | None = None) -> int:
    given = interruption or Interruption()
    with given.listening():
        return run_command([sys.executable, "-c", script], ENVIRONMENT, given)


@pytest.mark.parametrize("code", [0, 1, 3, 130, 255])
def test_the_exit_code_is_the_commands(code: int) -> None:
    assert run(f"raise SystemExit({code})") == code


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_reaches_us_reaches_the_command(name: str) -> None:
    assert run(SIGNALS_PARENT.format(name)) == 128 + signal.Signals[name]


def test_every_signal_is_passed_on() -> None:
    assert run(HEARS_TWO) == 42


def test_a_signal_during_the_start_is_delivered_after_it() -> None:
    forwarding = Forwarding()
    forwarding.receive(signal.SIGTERM)

    with subprocess.Popen(["sleep", "60"]) as process:
        forwarding.begin(process)

        assert process.wait() == -signal.SIGTERM


def test_signals_are_ours_again_once_the_command_has_ended() -> None:
    interruption = Interruption()
    run("pass", interruption)

    with interruption.listening(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("name", ["no-such-program", "/no/such/file", "/etc/passwd", "."])
def test_a_program_that_cannot_run_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be started"):
        require_program([name], ENVIRONMENT)
    with pytest.raises(InvalidRequest, match="cannot be started"):
        run_command([name], ENVIRONMENT, Interruption())


def test_words_that_no_program_can_be_given_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        run_command(["true", "a\x00b"], ENVIRONMENT, Interruption())
