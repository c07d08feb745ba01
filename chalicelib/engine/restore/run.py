"""Run pg_restore or psql against a target until it ends, breaks, or is to stop.

What a client refuses object by object becomes findings; what ends the run (a lost connection, a
signal, somebody's wish) is raised, after the child and its whole group have ended.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import SourceLost
from chalicelib.domain.progress import Progress
from chalicelib.domain.restore import Note
from chalicelib.engine.crew import TICK_S
from chalicelib.engine.process import Child, Start
from chalicelib.engine.pump import feed, killed, widen
from chalicelib.engine.restore.messages import Findings, Listener
from chalicelib.ports import Clock
from chalicelib.postgres_ports import Watch

PUBLISH_S: Final = 1.0
LOST_HINT: Final = "Look at the log of the target's server, then restore again."


@dataclass
class Pulse:
    """Ask the watch several times a second; publish what is done once a second."""

    watch: Watch
    clock: Clock
    run_id: str
    tables_total: int | None = None
    phase: str = "preflight"
    tables_before: int = 0
    fed_bytes: int = 0
    files_done: int = 0
    size_bytes: int | None = None
    listener: Listener | None = None
    _next_look: float = field(default=0.0, init=False)
    _next_publication: float = field(default=0.0, init=False)

    def __call__(self) -> None:
        """Raise what the watch raises, SourceLost when the client has lost the target."""
        now = self.clock.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + TICK_S
        if self.listener is not None and self.listener.lost.is_set():
            raise target_lost()
        if now < self._next_publication:
            self.watch.check()
            return
        self._next_publication = now + PUBLISH_S
        self.watch.check(self.state())

    def begin(self, phase: str) -> None:
        """Publish that another phase begins."""
        self.phase = phase
        self.watch.check(self.state())

    def state(self) -> Progress:
        """Return how far the restore has come."""
        started = self.listener.tables_started if self.listener else 0
        table = self.listener.table if self.listener else None
        return Progress(
            id=self.run_id,
            phase=self.phase,
            raw_bytes_done=self.fed_bytes,
            raw_bytes_total=self.size_bytes if self.fed_bytes else None,
            table=table,
            # the last one that started is still at work
            tables_done=max(self.tables_before + started - (1 if table else 0), 0),
            tables_total=self.tables_total,
            files_done=self.files_done,
            at=self.clock.now(),
        )


@dataclass(frozen=True)
class Command:
    """Say what to run; `feed` is what goes to its stdin, if anything.

    Entries `again` were begun before the target was lost: they may be there already.
    """

    argv: list[str]
    environment: dict[str, str]
    connection: Connection
    feed: Callable[[], Iterator[bytes]] | None = None
    again: frozenset[int] = frozenset()


def run(command: Command, pulse: Pulse) -> Findings:
    """Run a client to its end; its complaints are findings.

    Raises SourceLost when the target went away, Internal when a signal ended the client, and
    whatever the pulse or the bytes to feed raise: then the client was killed before its input
    ended, so that a script's transaction is rolled back.
    """
    findings = run_until_lost(command, pulse)
    if findings.is_lost:
        raise target_lost()
    return findings


def run_until_lost(command: Command, pulse: Pulse) -> Findings:
    """Run a client as `run` does; that the target went away is a finding too."""
    findings = Findings()
    with Child(_start(command)) as child:
        password = command.connection.password
        listener = Listener(child.stderr, findings, password, command.again)
        pulse.listener = listener
        try:
            _attend(child, command, pulse)
        except SourceLost:
            # the pulse says so of the listener; who else says it speaks of something else
            if not listener.lost.is_set():
                raise
        code = child.close()
        listener.finish()
    pulse.tables_before += listener.tables_started
    pulse.listener = None
    findings.is_lost = listener.lost.is_set()
    if findings.is_lost:
        return findings
    if code < 0:
        raise killed(child.name, code)
    if code != 0 and findings.errors_total + findings.ignored_total == 0:
        findings.error(_silent(child.name, code))
    return findings


def target_lost() -> SourceLost:
    """Say that the target went away."""
    return SourceLost("the target ended the session or the way to it broke", hint=LOST_HINT)


def _start(command: Command) -> Start:
    return Start(
        command.argv,
        command.environment,
        stdin=subprocess.DEVNULL if command.feed is None else subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _attend(child: Child, command: Command, pulse: Pulse) -> None:
    if command.feed is not None:
        _feed(child, command.feed(), pulse)
    while not child.wait(TICK_S):
        pulse()


def _feed(child: Child, chunks: Iterator[bytes], pulse: Pulse) -> None:
    widen(child.stdin)
    os.set_blocking(child.stdin.fileno(), False)
    for chunk in chunks:
        if not feed(child.stdin, chunk, pulse):
            break
        pulse.fed_bytes += len(chunk)
    else:
        # a client that went away has said why on stderr
        with suppress(BrokenPipeError):
            child.stdin.close()


def _silent(name: str, code: int) -> Note:
    return Note(
        what=name,
        message=f"it ended with code {code} and said nothing of an error",
        advice="Check that the PostgreSQL client programs are the original ones.",
    )
