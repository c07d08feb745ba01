"""Be the target that the rules of a platform work on: a session, and pg_restore beside it.

Both are begun again where the target or the way to it is lost. pg_restore does not say which of its
statements were committed, so it brings everything once more, and what it had begun may be there.

Rows are copied by us and not by pg_restore: the setting that keeps triggers from firing is a
session's, platforms grant it to a SET only, and pg_restore cannot be told to say one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import psycopg
from psycopg import sql

from chalicelib.domain.measure import large_object_digest
from chalicelib.domain.restore import Comparison, RestoreOptions
from chalicelib.engine.archive.encodings import codec_of, readable
from chalicelib.engine.archive.toc import Section, Toc, TocEntry
from chalicelib.engine.connection import Session
from chalicelib.engine.environment import child_environment
from chalicelib.engine.faults import printable, scrub
from chalicelib.engine.restore.arguments import Stage, restore_arguments
from chalicelib.engine.restore.compare import comparison, look, reordered
from chalicelib.engine.restore.contents import toc_of
from chalicelib.engine.restore.hold import Hold, Look, RestorerSettings, held, use_list
from chalicelib.engine.restore.lasting_session import TRIES, LastingSession, Pieces
from chalicelib.engine.restore.measure import Measure, row_sums, sequences_of, texts_of_archive
from chalicelib.engine.restore.messages import Findings
from chalicelib.engine.restore.row_texts import Rows, rows_of
from chalicelib.engine.restore.run import Command, Pulse, run_until_lost, target_lost
from chalicelib.ports import Clock
from chalicelib.postgres_ports import PartSource, RestoreFile, RestoreRequest, Watch
from chalicelib.restore_ports import Application, Applied, Aside, Entry, Target

NOT_RECORDED: Final = "no counts were recorded with the backup"
REPLICA: Final = b"SET LOCAL session_replication_role = replica"
CONTENT: Final = b"SET LOCAL xmloption = content"
ENCODING: Final = sql.SQL("SET LOCAL client_encoding = {}")
Work = Callable[[Session], None]
_SECTIONS: Final = {
    Section.NONE: "none",
    Section.PRE_DATA: "pre-data",
    Section.DATA: "data",
    Section.POST_DATA: "post-data",
}


class PostgresWorkbench:
    """Implement `restore_ports.Workbench` with psycopg and this machine's clients."""

    def __init__(
        self,
        settings: RestorerSettings,
        clock: Clock,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Keep the parts; `pause` waits so many seconds before a lost target is tried again."""
        self._settings = settings
        self._clock = clock
        self._pause = pause or threading.Event().wait

    @contextmanager
    def open(self, request: RestoreRequest, watch: Watch) -> Iterator[Target]:
        """Give the target; whatever was started has ended when the block is left."""
        pulse = Pulse(watch, self._clock, request.run_id)
        pulse.begin("preflight")
        with held(self._settings, request, pulse) as (hold, seen):
            lasting = LastingSession(hold, seen.session, self._pause)
            yield PostgresTarget(request, hold, seen, lasting)


class PostgresTarget:
    """Implement `restore_ports.Target`."""

    def __init__(
        self, request: RestoreRequest, hold: Hold, seen: Look, lasting: LastingSession
    ) -> None:
        """Keep the parts."""
        self._request = request
        self._hold = hold
        self._lasting = lasting
        self._facts = seen.facts
        self._chosen = seen.chosen

    @property
    def server_version(self) -> str:
        """The version of the server."""
        return self._facts.version

    @property
    def client_version(self) -> str:
        """The version of the client programs."""
        return str(self._chosen.client.version)

    @property
    def user(self) -> str:
        """The role that restores."""
        return self._facts.user

    @property
    def is_superuser(self) -> bool:
        """Whether that role is a superuser."""
        return self._facts.is_superuser

    @property
    def objects(self) -> frozenset[tuple[str, str, str]]:
        """What the target held at first."""
        return frozenset((o.descriptor, o.schema, o.name) for o in self._facts.objects)

    @property
    def roles(self) -> Mapping[str, bool]:
        """The roles of the target's server at first."""
        return self._facts.roles or {}

    @property
    def extensions(self) -> frozenset[str]:
        """The extensions that the target's server has."""
        return frozenset(self._facts.extensions or {})

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be known of the client programs."""
        return self._chosen.warnings

    def begin(self, phase: str) -> None:
        """Publish that another phase begins."""
        self._hold.pulse.begin(phase)

    def look(self, files_done: int = 0) -> None:
        """Ask the watch whether the work may go on; say how many files are there."""
        self._hold.pulse.files_done = files_done
        self._hold.pulse()

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask a question."""
        return self._lasting.run(lambda pieces: _fetched(pieces.session, question, values))

    def attempt(self, *statements: str, as_replica: bool = False) -> str | None:
        """Run statements in one transaction; return why the server refused."""

        def work(session: Session) -> None:
            _execute(session, statements)

        done = _as_replica(work) if as_replica else work
        return self._refusal(lambda pieces: pieces.once(statements, done))

    def probe(self, role: str, claims: str, question: str) -> list[tuple[Any, ...]] | str:
        """Ask as another role with these claims, under its row security; undo all of it."""
        return self._lasting.run(
            lambda pieces: self._probed(pieces.session, role, claims, question)
        )

    def entries(self, file: RestoreFile) -> tuple[Entry, ...]:
        """Read the table of contents of an archive."""
        toc = toc_of(file)
        codec = codec_of(toc)
        return tuple(_described(entry, codec) for entry in toc.entries)

    def apply(self, application: Application) -> Applied:
        """Have pg_restore bring entries, each on its own."""
        if not application.dump_ids:
            return Applied()
        again: frozenset[int] = frozenset()
        reached: frozenset[int] = frozenset()
        tries = 0
        while True:
            # only a single session says for sure which entry it speaks of
            jobs = 1 if again else self._request.options.jobs
            found = run_until_lost(self._command(application, jobs, again), self._hold.pulse)
            # what was refused ends the restore, so there is nothing to go on for
            if not found.is_lost or found.errors_total:
                return _applied(found)
            begun = _labelled(application, found.begun)
            tries = tries + 1 if begun <= reached else 1
            if tries == TRIES:
                raise target_lost()
            reached |= begun
            # several sessions get into each other's lines: any entry may have been begun
            again |= begun if jobs == 1 else frozenset(application.dump_ids)
            self._lasting.renew()

    def load(self, file: RestoreFile, dump_ids: frozenset[int]) -> str | None:
        """Copy the rows of entries as a replica, all or none; return why one was refused."""

        def work(session: Session) -> None:
            for rows in rows_of(file, dump_ids):
                self._copy(session, rows, rows.entry.copy_statement)

        return self._refusal(lambda pieces: pieces.once(dump_ids, _as_replica(work)))

    def load_each(
        self, file: RestoreFile, dump_ids: frozenset[int], loaded: Callable[[int], object]
    ) -> str | None:
        """Copy the rows of entries as a replica, those of one all or none."""
        told: set[int] = set()

        def work(pieces: Pieces) -> None:
            for rows in rows_of(file, dump_ids):
                copy = partial(self._copy, rows=rows, statement=rows.entry.copy_statement)
                pieces.once(rows.entry.dump_id, _as_replica(copy))
                if rows.entry.dump_id not in told:
                    told.add(rows.entry.dump_id)
                    loaded(rows.entry.dump_id)

        return self._refusal(work)

    def use(self, file: RestoreFile, aside: Aside) -> str | None:
        """Use the rows of an entry as a replica, all or nothing; return why it was refused."""

        def work(session: Session) -> None:
            _execute(session, aside.before)
            for rows in rows_of(file, frozenset({aside.dump_id})):
                self._copy(session, rows, aside.copy_statement)
            _execute(session, aside.after)

        return self._refusal(lambda pieces: pieces.once(aside.dump_id, _as_replica(work)))

    def compare(self, part: PartSource, dump_ids: frozenset[int], *, is_whole: bool) -> Comparison:
        """Hold what was loaded against what was recorded of the dump."""
        if part.counts is None:
            return Comparison(not_compared={"rows": NOT_RECORDED})
        measure = _measure(part, dump_ids, is_whole=is_whole)
        found = self._lasting.run(lambda pieces: look(pieces.session, measure))
        sums = row_sums(part.file, reordered(measure, found), self._hold.pulse)
        return comparison(measure, found, sums)

    def _refusal(self, work: Callable[[Pieces], None]) -> str | None:
        """Do some work and return why the server refused it; None when it did not."""

        def done(pieces: Pieces) -> str | None:
            try:
                work(pieces)
            except psycopg.DatabaseError as error:
                # the target is gone: that is no refusal
                if pieces.session.closed:
                    raise
                return self._said(error)
            return None

        return self._lasting.run(done)

    def _probed(
        self, session: Session, role: str, claims: str, question: str
    ) -> list[tuple[Any, ...]] | str:
        try:
            with session.transaction(force_rollback=True):
                session.execute(
                    b"SELECT set_config('request.jwt.claims', %s, true),"
                    b" set_config('row_security', 'on', true)",
                    (claims,),
                )
                session.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
                return _fetched(session, question, ())
        except psycopg.DatabaseError as error:
            if session.closed:
                raise
            return self._said(error)

    def _said(self, error: psycopg.Error) -> str:
        context = error.diag.context or ""
        where = context.splitlines()[0] if context.startswith("COPY ") else ""
        # what a row holds may be a secret: the place is told, not the value
        place = f" ({where.partition(':')[0]})" if where else ""
        message = error.diag.message_primary or str(error)
        return scrub(message, self._request.connection.password) + printable(place)

    def _copy(self, session: Session, rows: Rows, statement: str) -> None:
        pulse = self._hold.pulse
        before = pulse.fed_bytes
        session.execute(CONTENT)
        session.execute(ENCODING.format(sql.Literal(rows.encoding)))
        try:
            with session.cursor() as cursor, cursor.copy(_raw(statement)) as copy:
                for piece in rows.text:
                    copy.write(piece)
                    pulse.fed_bytes += len(piece)
        except BaseException:
            # it is rolled back, and perhaps brought once more
            pulse.fed_bytes = before
            raise
        session.execute(ENCODING.format(sql.Literal("UTF8")))

    def _command(self, application: Application, jobs: int, again: frozenset[int]) -> Command:
        stage = Stage(application.file.path, use_list(self._hold.folder, application.dump_ids))
        connection = self._request.connection
        environment = child_environment(connection, self._hold.sessions.options, self._hold.secret)
        options = RestoreOptions(jobs=jobs)
        # rows are ours to copy, so no trigger needs to be turned off by it
        argv = restore_arguments(self._chosen.client, stage, options, is_superuser=False)
        if application.no_owner:
            argv.insert(1, "--no-owner")
        feed = application.file.open if stage.archive is None else None
        return Command(argv, environment, connection, feed, again)


def _raw(statement: str) -> bytes:
    return statement.encode("utf-8", "surrogateescape")


def _execute(session: Session, statements: Iterable[str]) -> None:
    for statement in statements:
        session.execute(statement.encode())


def _as_replica(work: Work) -> Work:
    def done(session: Session) -> None:
        session.execute(REPLICA)
        work(session)

    return done


def _labelled(application: Application, begun: Container[str]) -> frozenset[int]:
    """Return the entries that pg_restore said it would make."""
    toc = toc_of(application.file)
    wanted = frozenset(application.dump_ids)
    return frozenset(
        entry.dump_id for entry in toc.entries if entry.dump_id in wanted and _label(entry) in begun
    )


def _label(entry: TocEntry) -> str:
    name = f"{entry.namespace}.{entry.tag}" if entry.namespace else entry.tag
    return f'{entry.descriptor} "{name}"'


def _applied(found: Findings) -> Applied:
    return Applied(
        tuple(found.errors), found.errors_total, tuple(found.ignored), found.ignored_total
    )


def _fetched(session: Session, question: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    return session.execute(question.encode(), values or None).fetchall()


def _described(entry: TocEntry, codec: str) -> Entry:
    return Entry(
        dump_id=entry.dump_id,
        kind=entry.descriptor,
        schema=readable(entry.namespace, codec),
        name=readable(entry.tag, codec),
        owner=readable(entry.owner, codec),
        section=_SECTIONS[entry.section],
        definition=readable(entry.definition, codec),
        copy_statement=readable(entry.copy_statement, codec),
        needs=entry.dependencies,
    )


def _measure(part: PartSource, dump_ids: frozenset[int], *, is_whole: bool) -> Measure:
    toc: Toc = toc_of(part.file)
    chosen = [entry for entry in toc.entries if entry.dump_id in dump_ids]
    loaded = [entry for entry in chosen if entry.has_data]
    texts = texts_of_archive(toc, loaded, part.blocks)
    counts = part.counts
    if counts is None:
        raise ValueError("what was never counted cannot be measured")
    tables = tuple(one for one in counts.tables if f"{one.schema_name}.{one.table}" in texts)
    return Measure(
        counts=counts,
        tables=counts.tables if is_whole else tables,
        texts=texts,
        left_out={},
        sequences=sequences_of(toc, chosen),
        large_object_digest=large_object_digest(part.blocks),
        is_whole=is_whole,
    )
