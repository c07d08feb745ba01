"""Start programs that cannot outlive us, and end them together with all they started.

Every child gets a session of its own (so one signal reaches its whole group), an environment that
is spelled out, no terminal, and a parent-death signal. A child is reaped only after its group was
killed: until then its process id cannot be given to a stranger.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Self

from chalicelib.domain.errors import Internal
from chalicelib.domain.exhaustion import exhausted

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
POLL_S: Final = 0.01
TERM_GRACE_S: Final = 0.3
"""Seconds between SIGTERM and SIGKILL: pg_dump needs them to cancel its statement."""


@dataclass(frozen=True)
class Start:
    """Say how to start a program; streams are as subprocess takes them."""

    argv: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: int | IO[bytes] = subprocess.DEVNULL
    stdout: int | IO[bytes] = subprocess.DEVNULL
    stderr: int | IO[bytes] = subprocess.DEVNULL
    account: pwd.struct_passwd | None = None
    death_signal: signal.Signals = signal.SIGKILL


class Child:
    """Own a started program and its group until both have ended.

    Start it from the thread that will end it: Linux sends the parent-death signal when the thread
    that forked ends, not only when the process does.
    """

    def __init__(self, start: Start) -> None:
        """Start the program; Internal when it cannot be started, WorkerExhausted for a lack."""
        self.name = Path(start.argv[0]).name
        try:
            self._process = _popen(start)
        except OSError as error:
            doing = f"{self.name} could not be started"
            lacking = exhausted(doing, error, forking=True)
            raise lacking or Internal(f"{doing}: {error.strerror}") from error

    def __enter__(self) -> Self:
        """Give the child itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End whatever is left of it."""
        self.close()

    @property
    def pid(self) -> int:
        """The process id, which is the id of the group too."""
        return self._process.pid

    @property
    def stdin(self) -> IO[bytes]:
        """The pipe into the child."""
        return _piped(self._process.stdin)

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe out of the child."""
        return _piped(self._process.stdout)

    @property
    def stderr(self) -> IO[bytes]:
        """The pipe of the child's messages."""
        return _piped(self._process.stderr)

    @property
    def exit_code(self) -> int | None:
        """The exit code once `close` has reaped it; negative for a signal."""
        return self._process.returncode

    def has_exited(self) -> bool:
        """Tell whether the program has ended, without reaping it."""
        if self._process.returncode is not None:
            return True
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self._process.pid, options) is not None

    def wait(self, timeout_s: float) -> bool:
        """Wait for the program to end, without reaping it; False when time ran out."""
        pause = threading.Event()
        waited = 0.0
        while not self.has_exited():
            if waited >= timeout_s:
                return False
            pause.wait(POLL_S)
            waited += POLL_S
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program alone, if it still runs."""
        if not self.has_exited():
            os.kill(self._process.pid, number)

    def close(self, *, grace_s: float = TERM_GRACE_S) -> int:
        """End the program and its group, reap it, close its pipes; return the exit code.

        May be called again, and after the program has ended by itself.
        """
        if self._process.returncode is None:
            self.send(signal.SIGTERM)
            self.wait(grace_s)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            _close(pipe)
        return self._process.returncode


def output_of(
    argv: Sequence[str | Path], environment: Mapping[str, str], *, timeout_s: float
) -> str:
    """Run a short program to its end and return its stdout and stderr together, decoded.

    Raises Internal when it does not end in time, and as `Child` does; any exit code is fine.
    """
    start = Start(argv, environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with Child(start) as child:
        reader = _Collector(child.stdout)
        ended = child.wait(timeout_s)
        child.close(grace_s=0)
        if not ended:
            raise Internal(f"{child.name} did not answer within {timeout_s:g} s")
        return reader.text()


class _Collector:
    """Read a pipe to its end in a thread, so that its writer never blocks."""

    LIMIT_BYTES = 1 << 20

    def __init__(self, pipe: IO[bytes]) -> None:
        self._descriptor = os.dup(pipe.fileno())
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        with open(self._descriptor, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
            while data := pipe.read(1 << 16):
                self._kept += data[: self.LIMIT_BYTES - len(self._kept)]

    def text(self) -> str:
        self._thread.join()
        return self._kept.decode(errors="replace")


def _popen(start: Start) -> subprocess.Popen[bytes]:
    account = start.account
    return subprocess.Popen(  # noqa: S603 - argv lists of our own making, never a shell
        [str(part) for part in start.argv],
        env=dict(start.environment),
        stdin=start.stdin,
        stdout=start.stdout,
        stderr=start.stderr,
        start_new_session=True,
        cwd="/",
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_dies_with_us(start.death_signal),  # noqa: PLW1509 - see _dies_with_us
    )


def _dies_with_us(number: signal.Signals) -> Callable[[], None]:
    # Between fork and exec only the calling thread exists, so a lock another thread held stays
    # held. All that runs there is therefore one C call through an object made before the fork.
    # It must come after the change of user, which clears the setting: preexec_fn does.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_for_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return ask_for_death_signal


def _piped(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise Internal("a stream of a child was used that is no pipe")
    return pipe


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(BrokenPipeError):  # unsent bytes to a program that is gone
            pipe.close()
