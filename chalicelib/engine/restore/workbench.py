"""Be the target that the rules of a platform work on: one session, and pg_restore beside it.

Rows are copied by us and not by pg_restore: the setting that keeps triggers from firing is a
session's, platforms grant it to a SET only, and pg_restore cannot be told to say one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import psycopg
from psycopg import sql

from chalicelib.domain.measure import large_object_digest
from chalicelib.domain.restore import Comparison, RestoreOptions
from chalicelib.engine.archive.blocks import blocks, skip
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.decoding import decoded
from chalicelib.engine.archive.encodings import codec_of, encoding_of, readable
from chalicelib.engine.archive.toc import Section, Toc, TocEntry
from chalicelib.engine.archive.toc_reader import read_toc
from chalicelib.engine.connection import Session
from chalicelib.engine.environment import child_environment
from chalicelib.engine.faults import printable, scrub
from chalicelib.engine.restore.arguments import Stage, restore_arguments
from chalicelib.engine.restore.compare import comparison, look, reordered
from chalicelib.engine.restore.contents import toc_of
from chalicelib.engine.restore.hold import Hold, Look, RestorerSettings, held, use_list
from chalicelib.engine.restore.measure import Measure, row_sums, sequences_of, texts_of_archive
from chalicelib.engine.restore.run import Command, Pulse, run
from chalicelib.ports import Clock
from chalicelib.postgres_ports import PartSource, RestoreFile, RestoreRequest, Watch
from chalicelib.restore_ports import Application, Applied, Entry, Target

NOT_RECORDED: Final = "no counts were recorded with the backup"
REPLICA: Final = b"SET LOCAL session_replication_role = replica"
CONTENT: Final = b"SET LOCAL xmloption = content"
_SECTIONS: Final = {
    Section.NONE: "none",
    Section.PRE_DATA: "pre-data",
    Section.DATA: "data",
    Section.POST_DATA: "post-data",
}


class PostgresWorkbench:
    """Implement `restore_ports.Workbench` with psycopg and this machine's clients."""

    def __init__(self, settings: RestorerSettings, clock: Clock) -> None:
        """Keep the parts."""
        self._settings = settings
        self._clock = clock

    @contextmanager
    def open(self, request: RestoreRequest, watch: Watch) -> Iterator[Target]:
        """Give the target; whatever was started has ended when the block is left."""
        pulse = Pulse(watch, self._clock, request.run_id)
        pulse.begin("preflight")
        with held(self._settings, request, pulse) as (hold, seen):
            yield PostgresTarget(request, hold, seen)


class PostgresTarget:
    """Implement `restore_ports.Target`."""

    def __init__(self, request: RestoreRequest, hold: Hold, seen: Look) -> None:
        """Keep the parts."""
        self._request = request
        self._hold = hold
        self._session = seen.session
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
        return self._hold.ask(lambda: _fetched(self._session, question, values))

    def attempt(self, *statements: str, as_replica: bool = False) -> str | None:
        """Run statements in one transaction; return why the server refused."""

        def work() -> None:
            for statement in statements:
                self._session.execute(statement.encode())

        return self._hold.ask(partial(self._attempted, work, as_replica=as_replica))

    def probe(self, role: str, claims: str, question: str) -> list[tuple[Any, ...]] | str:
        """Ask as another role with these claims, under its row security; undo all of it."""
        return self._hold.ask(partial(self._probed, role, claims, question))

    def entries(self, file: RestoreFile) -> tuple[Entry, ...]:
        """Read the table of contents of an archive."""
        toc = toc_of(file)
        codec = codec_of(toc)
        return tuple(_described(entry, codec) for entry in toc.entries)

    def apply(self, application: Application) -> Applied:
        """Have pg_restore bring entries, each on its own."""
        if not application.dump_ids:
            return Applied()
        file = application.file
        stage = Stage(file.path, use_list(self._hold.folder, application.dump_ids))
        found = run(self._command(application, stage), self._hold.pulse)
        return Applied(
            tuple(found.errors), found.errors_total, tuple(found.ignored), found.ignored_total
        )

    def load(self, file: RestoreFile, dump_ids: frozenset[int]) -> str | None:
        """Copy the rows of entries as a replica, all or none; return why one was refused."""
        work = partial(self._copied, file, dump_ids)
        return self._hold.ask(partial(self._attempted, work, as_replica=True))

    def compare(self, part: PartSource, dump_ids: frozenset[int], *, is_whole: bool) -> Comparison:
        """Hold what was loaded against what was recorded of the dump."""
        if part.counts is None:
            return Comparison(not_compared={"rows": NOT_RECORDED})
        measure = _measure(part, dump_ids, is_whole=is_whole)
        found = self._hold.ask(partial(look, self._session, measure))
        sums = row_sums(part.file, reordered(measure, found), self._hold.pulse)
        return comparison(measure, found, sums)

    def _attempted(self, work: Callable[[], None], *, as_replica: bool) -> str | None:
        try:
            with self._session.transaction():
                if as_replica:
                    self._session.execute(REPLICA)
                work()
        except psycopg.DatabaseError as error:
            # the target is gone: that is no refusal
            if self._session.closed:
                raise
            return self._said(error)
        return None

    def _probed(self, role: str, claims: str, question: str) -> list[tuple[Any, ...]] | str:
        try:
            with self._session.transaction(force_rollback=True):
                self._session.execute(
                    b"SELECT set_config('request.jwt.claims', %s, true),"
                    b" set_config('row_security', 'on', true)",
                    (claims,),
                )
                self._session.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
                return _fetched(self._session, question, ())
        except psycopg.DatabaseError as error:
            if self._session.closed:
                raise
            return self._said(error)

    def _said(self, error: psycopg.Error) -> str:
        context = error.diag.context or ""
        where = context.splitlines()[0] if context.startswith("COPY ") else ""
        # what a row holds may be a secret: the place is told, not the value
        place = f" ({where.partition(':')[0]})" if where else ""
        message = error.diag.message_primary or str(error)
        return scrub(message, self._request.connection.password) + printable(place)

    def _copied(self, file: RestoreFile, dump_ids: frozenset[int]) -> None:
        stream = ByteStream(file.open())
        toc = read_toc(stream)
        encoding = sql.Literal(encoding_of(toc))
        self._session.execute(CONTENT)
        self._session.execute(sql.SQL("SET LOCAL client_encoding = {}").format(encoding))
        for block, entry in blocks(stream, toc):
            if entry.dump_id in dump_ids and entry.is_table_data:
                self._copy(entry, decoded(toc.header.codec, stream.run()))
            else:
                skip(stream, block)
        self._session.execute(b"SET LOCAL client_encoding = 'UTF8'")

    def _copy(self, entry: TocEntry, text: Iterator[bytes]) -> None:
        statement = entry.copy_statement.encode("utf-8", "surrogateescape")
        with self._session.cursor() as cursor, cursor.copy(statement) as copy:
            for piece in text:
                copy.write(piece)
                self._hold.pulse.fed_bytes += len(piece)

    def _command(self, application: Application, stage: Stage) -> Command:
        connection = self._request.connection
        environment = child_environment(connection, self._hold.sessions.options, self._hold.secret)
        options = RestoreOptions(jobs=self._request.options.jobs)
        # rows are ours to copy, so no trigger needs to be turned off by it
        argv = restore_arguments(self._chosen.client, stage, options, is_superuser=False)
        if application.no_owner:
            argv.insert(1, "--no-owner")
        feed = application.file.open if stage.archive is None else None
        return Command(argv, environment, connection, feed)


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
