"""The engine `stream`: one pg_dump, its bytes straight into the store, nothing on disk.

Stages, each of which the watch can end within two seconds:
1. connect, export a snapshot, list the tables (a thread; the first session pins the address)
2. start the counter (a thread with a session of its own); answer the readings, then run pg_dump for
   each archive that lies beside the main one, all under that snapshot
3. start the main pg_dump; once it and the counter have imported the snapshot, the exporting
   transaction ends and the first session reports COPY's progress
4. pump pg_dump's stdout into the sink; for plain dumps through our own compression
5. wait for pg_dump's exit code and for the counter

On any error: pg_dump's group is killed, our sessions are ended on the server, files are removed.
The price: the counter reads every table once more, at the same time as the dump does; for level
strict it also has the server send every row once more.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from chalicelib.domain.backup import BackupType, Compression, Format, SourceCounts
from chalicelib.domain.connection import Connection
from chalicelib.domain.dump_scope import DumpScope
from chalicelib.domain.errors import DumpFailed, HoldfastError, Internal
from chalicelib.domain.object_keys import SCHEMA_DUMP, dump_name
from chalicelib.domain.progress import ProgressTracker, TableSize
from chalicelib.engine.arguments import Stream, dump_arguments
from chalicelib.engine.catalogue import unreadable_large_objects
from chalicelib.engine.clients import Client
from chalicelib.engine.codecs import encoder
from chalicelib.engine.connection import SessionOptions, translated
from chalicelib.engine.counts import Counted, Look, count
from chalicelib.engine.crew import TICK_S, Crew, attend
from chalicelib.engine.environment import child_environment, password_file
from chalicelib.engine.faults import scrub, translate
from chalicelib.engine.process import Child, Start
from chalicelib.engine.proof.facts import between
from chalicelib.engine.proof.second_reading import read_again
from chalicelib.engine.pump import await_exit, pump, require_bytes
from chalicelib.engine.readings import batches
from chalicelib.engine.sessions import Sessions, mark_of
from chalicelib.engine.snapshot import Signals, Snapshot, coordinate, export, held_sequences
from chalicelib.engine.stderr_tail import StderrTail
from chalicelib.ports import Clock, HostGuard
from chalicelib.postgres_ports import DumpRequest, DumpResult, Sink, Watch

PUBLISH_S: Final = 1.0
TABLE_START: Final = re.compile(r'pg_dump: dumping contents of table "(.*)"')
SNAPSHOT_TAKEN: Final = re.compile(r"pg_dump: (?:last built-in OID|reading )")
CANNOT_CONNECT: Final = re.compile(r"connection to server (?:at|on) ")


@dataclass(frozen=True)
class Setup:
    """Hold what a dump needs besides the request."""

    client: Client
    lock_timeout_s: float
    scratch: Path
    clock: Clock
    guard: HostGuard | None = None


def dump(
    setup: Setup, request: DumpRequest, open_sink: Callable[[str], Sink], watch: Watch
) -> DumpResult:
    """Dump into one sink per artefact, as `ports.Engine.dump` says."""
    options = SessionOptions(
        mark_of(request.run_id), setup.lock_timeout_s, guard=setup.guard, role=request.scope.role
    )
    connection = request.connection
    with (
        password_file(connection.password, setup.scratch) as secret,
        Crew() as crew,
        Sessions(connection, options, crew) as sessions,
    ):
        run = _Run(setup, request, _Hold(secret, crew, sessions), watch)
        try:
            return run.dump(open_sink)
        finally:
            run.release()


@dataclass(frozen=True)
class _Hold:
    """Hold what a dump has open, each with an owner that closes it."""

    secret: Path
    crew: Crew
    sessions: Sessions


class _Pulse:
    """Look at the watch, publish progress, notice failed threads, hand the snapshot over."""

    def __init__(self, watch: Watch, clock: Clock, crew: Crew, tracker: ProgressTracker) -> None:
        self._watch = watch
        self._clock = clock
        self._crew = crew
        self._next_look = self._next_publication = clock.monotonic()
        self.tracker = tracker
        self.stored_bytes = 0
        self.observations: SimpleQueue[Callable[[ProgressTracker], None]] = SimpleQueue()
        self.imports: tuple[threading.Event, ...] = ()
        self.signals = Signals(handed_over=threading.Event(), over=threading.Event())

    def __call__(self) -> None:
        now = self._clock.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + TICK_S
        self._crew.check()
        if self.imports and all(event.is_set() for event in self.imports):
            self.signals.handed_over.set()
        if now < self._next_publication:
            self._watch.check()
            return
        self._next_publication = now + PUBLISH_S
        self._publish()

    def finish(self) -> None:
        """Publish that every table is done."""
        self.observations.put(ProgressTracker.finished)
        self._publish()

    def _publish(self) -> None:
        # Threads only queue what they see: the tracker belongs to this thread alone.
        while not self.observations.empty():
            self.observations.get()(self.tracker)
        self.tracker.stored(self.stored_bytes)
        self._watch.check(self.tracker.at(self._clock.now()))


class _Run:
    """Hold the parts of one dump while it runs."""

    def __init__(self, setup: Setup, request: DumpRequest, hold: _Hold, watch: Watch) -> None:
        self._setup = setup
        self._request = request
        self._plan = request.plan
        self._scope = request.scope
        self._secret = hold.secret
        self._crew = hold.crew
        self._sessions = hold.sessions
        tracker = ProgressTracker(request.run_id, "dump")
        self._pulse = _Pulse(watch, setup.clock, hold.crew, tracker)

    def dump(self, open_sink: Callable[[str], Sink]) -> DumpResult:
        plan = self._plan
        exporting = self._crew.start(partial(export, self._sessions, self._scopes))
        snapshot = attend(exporting, self._pulse)
        warnings = self._without_large_objects(snapshot)
        self._pulse.tracker = self._tracker(snapshot)
        counted, imported = self._start_counter(snapshot)
        self._read(snapshot, open_sink)  # in the exporting session, before another thread has it
        coordinating = self._start_coordinator(snapshot)
        for name, beside in self._beside():  # first, while the snapshot is held for them
            self._stream(beside, snapshot, open_sink(name), None)
        main = Stream(plan.type, plan.format, plan.compression, scope=self._scope)
        sink = open_sink(dump_name(plan.format, plan.compression))
        raw_bytes = self._stream(main, snapshot, sink, imported)
        counts = attend(counted, self._pulse)
        self._pulse.finish()
        self.release()
        attend(coordinating, self._pulse)
        main_counts = self._with_sequences(counts.main, snapshot)
        raw_bytes_seen = raw_bytes if plan.format is Format.PLAIN else None
        return DumpResult(main_counts, raw_bytes_seen, counts.parts, warnings)

    def release(self) -> None:
        """Let the coordinating thread go."""
        self._pulse.signals.over.set()

    def _tracker(self, snapshot: Snapshot) -> ProgressTracker:
        sizes = tuple(
            TableSize(table.label, table.size_bytes)
            for table in snapshot.tables
            if table.why_uncounted is None
        )
        return ProgressTracker(self._request.run_id, "dump", sizes)

    def _without_large_objects(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Leave all large objects out where that is allowed and some cannot be read."""
        if not self._scope.may_lack_large_objects:
            return ()
        counting = self._crew.start(partial(unreadable_large_objects, snapshot.session))
        count = attend(counting, self._pulse)
        if not count:
            return ()
        self._scope = replace(self._scope, large_objects=False)
        return (f"large objects were left out: the role may not read {count} of them",)

    @property
    def _scopes(self) -> tuple[DumpScope, ...]:
        """The scopes of the archives with data."""
        asked = [(self._plan.type, self._request.scope)]
        asked += [(part.type, part.scope) for part in self._request.parts]
        return tuple(scope for kind, scope in asked if kind is not BackupType.SCHEMA)

    def _start_counter(self, snapshot: Snapshot) -> tuple[Future[Counted], threading.Event]:
        imported = threading.Event()
        again = read_again if self._request.reads_twice else None
        look = Look(self._plan.type, self._scope, self._request.parts, again)
        return self._crew.start(partial(count, self._sessions, snapshot, imported, look)), imported

    def _read(self, snapshot: Snapshot, open_sink: Callable[[str], Sink]) -> None:
        """Bring the lines of every reading into its sink, a batch in memory at a time."""
        sinks: dict[str, Sink] = {}
        for reading in self._request.readings:
            if reading.name not in sinks:
                sinks[reading.name] = open_sink(reading.name)
            lines = batches(self._request.connection, snapshot.session, reading)
            following = partial(next, lines, b"")
            while batch := attend(self._crew.start(following), self._pulse):
                self._store(sinks[reading.name], batch)

    def _beside(self) -> Iterator[tuple[str, Stream]]:
        """Name the archives that go before the main one."""
        plan, scope = self._plan, self._scope
        codec = plan.compression if plan.format is Format.CUSTOM else Compression.GZIP
        custom = partial(Stream, file_format=Format.CUSTOM, compression=codec)
        if plan.type is BackupType.DATA:
            yield SCHEMA_DUMP, custom(BackupType.SCHEMA, is_beside_data=True, scope=scope)
        for part in self._request.parts:
            yield part.name, custom(part.type, scope=part.scope)

    def _start_coordinator(self, snapshot: Snapshot) -> Future[None]:
        def report(table: str, size_bytes: int) -> None:
            self._pulse.observations.put(lambda tracker: tracker.copied(table, size_bytes))

        signals = self._pulse.signals
        return self._crew.start(partial(coordinate, self._sessions, snapshot, signals, report))

    def _with_sequences(self, counts: SourceCounts, snapshot: Snapshot) -> SourceCounts:
        """Look at the sequences again: pg_dump read them at some moment in between."""
        if counts.facts is None or not snapshot.sequences:
            return counts
        with translated(self._request.connection, started=True):
            later = held_sequences(snapshot.session, self._scopes)
        update = {"sequences": between(snapshot.sequences, later)}
        return counts.model_copy(update={"facts": counts.facts.model_copy(update=update)})

    def _stream(
        self, stream: Stream, snapshot: Snapshot, sink: Sink, counter: threading.Event | None
    ) -> int:
        """Run pg_dump once; with `counter`, the snapshot may go as soon as both have it."""
        taken = threading.Event()
        if counter is not None:
            self._pulse.imports = (counter, taken)
        with Child(self._start(stream, snapshot)) as child:
            messages = StderrTail(child.stderr, partial(self._hear, taken))
            codec = stream.compression if stream.file_format is Format.PLAIN else Compression.NONE
            total = self._pump(child, codec, sink)
            code = await_exit(child, self._pulse)
            if code != 0:
                raise _failure(code, messages, self._request.connection)
        require_bytes(total, "pg_dump")
        return total

    def _start(self, stream: Stream, snapshot: Snapshot) -> Start:
        setup = self._setup
        options = self._sessions.options
        return Start(
            dump_arguments(setup.client, stream, snapshot.id, setup.lock_timeout_s),
            child_environment(self._request.connection, options, self._secret),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _pump(self, child: Child, codec: Compression, sink: Sink) -> int:
        if codec is Compression.NONE:
            return pump(child.stdout, partial(self._store, sink), self._pulse)
        compressor = encoder(codec)
        total = pump(
            child.stdout, lambda data: self._store(sink, compressor.compress(data)), self._pulse
        )
        self._store(sink, compressor.flush())
        return total

    def _store(self, sink: Sink, data: bytes | memoryview) -> None:
        if data:
            sink.write(data)
            self._pulse.stored_bytes += len(data)

    def _hear(self, taken: threading.Event, line: str) -> None:
        if SNAPSHOT_TAKEN.match(line):
            taken.set()
        elif match := TABLE_START.match(line):
            name = match[1]
            self._pulse.observations.put(lambda tracker: tracker.table_started(name))


def _failure(code: int, messages: StderrTail, connection: Connection) -> HoldfastError:
    # News of progress is never read for a reason: it names tables, which may be called anything.
    said = messages.errors()
    if code < 0 and not said:
        return DumpFailed(
            f"pg_dump was ended by signal {-code}",
            hint="Look whether the machine ran out of memory, then try again.",
        )
    said = said or messages.last_words()
    found = translate(said, connection, started=CANNOT_CONNECT.search(said) is None)
    if isinstance(found, Internal):
        return DumpFailed(f"pg_dump gave up: {scrub(said, connection.password)}")
    return found
