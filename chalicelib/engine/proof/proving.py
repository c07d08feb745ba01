"""Make one proof: a scratch server, a restore, a comparison, a report.

Stages, each of which the watch can end; whatever ends one, the server and its folder go:
1. with `against`: ask that database for everything, in one snapshot
2. choose server programs of the right major, look for room, start the scratch server
3. make roles and database, restore in one transaction while the text of the dump, and of the parts
   that lie beside it, is digested
4. ask the copy for everything, compare, ask the assertions
A proof that cannot be made (no server programs, no room, a missing extension) is a report too; it
says why. The price: the database once more on the worker's disk, and about twice the dump's time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from chalicelib.domain.backup import BackupType, Compression, Format
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import (
    Internal,
    ScratchTooSmall,
    SourceError,
    Unsupported,
    WorkerExhausted,
)
from chalicelib.domain.facts import DatabaseFacts
from chalicelib.domain.measure import require_second_reading
from chalicelib.domain.proof import (
    Compared,
    Contents,
    Difference,
    Outcome,
    ProofLevel,
    ProofReport,
    Unproven,
    compare,
    count,
)
from chalicelib.domain.role_statements import ROLES
from chalicelib.engine.choice import FloorPolicy, reader
from chalicelib.engine.clients import probe
from chalicelib.engine.connection import Session, translated
from chalicelib.engine.crew import Beat, Crew, attend
from chalicelib.engine.proof import assertions, scratch_database
from chalicelib.engine.proof import roles as role_making
from chalicelib.engine.proof.assembly import Assembly, alone, counts_of, digests_of, joined
from chalicelib.engine.proof.copies import Taken, take, take_unordered
from chalicelib.engine.proof.copy_text import CopyText, TableText
from chalicelib.engine.proof.expectation import (
    expected_of,
    gaps_of,
    versions_apart,
    with_large_objects,
)
from chalicelib.engine.proof.lacking import NOTHING
from chalicelib.engine.proof.restoring import RestoreRefused, restore
from chalicelib.engine.proof.role_file import (
    NO_STATEMENTS,
    RoleStatements,
    plain_roles,
    read_statements,
)
from chalicelib.engine.scratch import (
    ScratchServer,
    free_bytes,
    programs_for,
    require_room,
    room_needed,
)
from chalicelib.engine.server_programs import ServerPrograms
from chalicelib.engine.sessions import Sessions
from chalicelib.engine.versions import parse
from chalicelib.ports import Clock
from chalicelib.postgres_ports import ProofRequest, Watch

NO_ROLES: Final = ("--no-owner", "--no-privileges")
"""For dumps whose manifest does not name the roles."""


@dataclass(frozen=True)
class ProofSetup:
    """Hold what a proof needs besides the request; `folder` is where scratch servers may live."""

    servers: Sequence[ServerPrograms]
    folder: Path
    floor_policy: FloorPolicy
    clock: Clock


@dataclass(frozen=True)
class _Findings:
    """Hold what one look at a restored copy brought."""

    compared: Compared
    differences: tuple[Difference, ...]
    unproven: tuple[Unproven, ...]


class Proving:
    """Make one proof."""

    def __init__(self, setup: ProofSetup, request: ProofRequest, watch: Watch) -> None:
        """Keep the parts; nothing is started."""
        strict = request.level is ProofLevel.STRICT
        self._source_digests = require_second_reading(request.counts) if strict else {}
        self._setup = setup
        self._request = request
        self._counts = counts_of(request)
        self._without = NOTHING
        self._beat = Beat(watch, setup.clock)
        self._begun = setup.clock.monotonic()
        self._scratch_version: str | None = None

    def run(self, open_artefact: Callable[[str], Iterator[bytes]]) -> ProofReport:
        """Do it; a proof that cannot be made is told in the report."""
        against = self._source()
        try:
            found = self._findings(open_artefact, against)
        except RestoreRefused as refused:
            return self._refused(refused)
        except (SourceError, ScratchTooSmall, WorkerExhausted, Unsupported, Internal) as error:
            return self._unmade(error.message)
        return self._report(_outcome(found), found.compared, found.differences, found.unproven)

    # -- the stages --------------------------------------------------------------------------

    def _source(self) -> Taken | None:
        connection = self._request.against
        if connection is None:
            return None
        known = self._request.counts.facts
        settings = None if known is None else known.text_settings
        return self._asked(connection, partial(take_unordered, settings=settings))

    def _findings(
        self, open_artefact: Callable[[str], Iterator[bytes]], against: Taken | None
    ) -> _Findings:
        programs = self._programs()
        facts = self._request.counts.facts or (against.facts if against else None)
        statements = self._statements(open_artefact)
        server = ScratchServer(programs, self._setup.folder, self._beat)
        self._require_room(server, facts)
        with server:
            self._scratch_version = server.version
            assembly = self._assembly(open_artefact, server, facts)
            self._without = assembly.without
            roles = plain_roles(facts.roles if facts else (), statements)
            gaps = [*scratch_database.make(server, facts, roles), *assembly.without.gaps()]
            refused = role_making.make(server, statements)
            scratch_database.tidy(server, facts)
            scratch_database.make_schemas(server, assembly.without.schemas)
            rights = () if facts else NO_ROLES
            text = restore(server, assembly.pieces, rights, self._beat)
            compared = self._compared(server, text, against)
            failed = self._asserted(server)
            roles_found = role_making.compare(server, statements, self._text_settings)
        counted = {"assertions": len(self._request.assertions), "roles": roles_found.compared}
        return replace(
            compared,
            compared=compared.compared.model_copy(update=counted),
            differences=(*refused, *compared.differences, *failed, *roles_found.differences),
            unproven=(*gaps, *compared.unproven, *roles_found.unproven),
        )

    def _programs(self) -> ServerPrograms:
        request = self._request
        majors = [parse(v).major for v in (request.server_version, request.client_version)]
        programs = programs_for(self._setup.servers, majors[0], majors[1])
        needs_codec = request.format is Format.CUSTOM
        compression = request.compression if needs_codec else Compression.NONE
        # refuses where the client that would read the archive cannot, or has a known hole
        policy = self._setup.floor_policy if request.is_ours else "refuse"
        reader([probe(programs.bin_dir)], compression, policy)
        return programs

    def _require_room(self, server: ScratchServer, facts: DatabaseFacts | None) -> None:
        needed = bytes_needed(self._request, facts)
        require_room(needed, free_bytes(server.parent), server.parent)

    def _statements(self, open_artefact: Callable[[str], Iterator[bytes]]) -> RoleStatements:
        if not self._request.has_roles:
            return NO_STATEMENTS
        return read_statements(b"".join(open_artefact(ROLES)).decode().split("\n"))

    @property
    def _text_settings(self) -> Mapping[str, str]:
        facts = self._request.counts.facts
        return facts.text_settings if facts else {}

    def _assembly(
        self,
        open_artefact: Callable[[str], Iterator[bytes]],
        server: ScratchServer,
        facts: DatabaseFacts | None,
    ) -> Assembly:
        missing = scratch_database.missing_extensions(server, facts)
        if self._request.parts:
            return joined(self._request, open_artefact, server, missing)
        scratch_database.require_extensions(missing)
        return alone(self._request, open_artefact)

    def _compared(self, server: ScratchServer, text: CopyText, against: Taken | None) -> _Findings:
        texts, stored = text.finish()
        connection = server.connection(scratch_database.NAME)
        if against is not None:
            copy = self._asked(
                connection, partial(take_unordered, settings=against.facts.text_settings)
            )
            gaps = _gaps_between(against, copy, self._request.counts.facts)
            return self._findings_of(against.contents, copy, gaps)
        counts, kind = self._counts, self._request.type
        by_digest = self._by_digest(texts)
        look = partial(take, settings=self._text_settings, texts=by_digest)
        copy = self._asked(connection, look)
        digests = {name: text.digest for name, text in by_digest.items()}
        measure = {**digests, **digests_of(self._request)} if by_digest else {}
        measure |= self._source_digests
        expected = expected_of(kind, counts, measure, server.major)
        if by_digest:
            expected = with_large_objects(expected, self._request.blocks, stored)
        gaps = (*gaps_of(kind, counts, server.major), *versions_apart(counts.facts, copy.facts))
        return self._findings_of(expected, copy, gaps)

    def _findings_of(self, expected: Contents, copy: Taken, gaps: Sequence[Unproven]) -> _Findings:
        expected = self._without.narrowed(expected)
        found = self._without.narrowed(copy.contents)
        return _Findings(
            compared=count(expected, found),
            differences=compare(expected, found),
            unproven=(*gaps, *copy.unproven),
        )

    def _by_digest(self, texts: dict[str, TableText]) -> dict[str, TableText]:
        # without the source's settings its values cannot be written again as it wrote them
        has_settings = self._request.counts.facts is not None
        return texts if self._request.level is not ProofLevel.COUNTS and has_settings else {}

    def _asserted(self, server: ScratchServer) -> tuple[Difference, ...]:
        if not self._request.assertions:
            return ()
        with Crew() as crew:
            connection = assertions.reader_of(server)
            with Sessions(connection, scratch_database.OPTIONS, crew) as sessions:
                work = partial(assertions.ask, sessions, self._request.assertions)
                return attend(crew.start(work), self._beat)

    def _asked(self, connection: Connection, question: Callable[[Session], Taken]) -> Taken:
        """Ask in a thread, so that the watch is looked at meanwhile."""
        with ExitStack() as stack:
            crew = stack.enter_context(Crew())
            sessions = stack.enter_context(Sessions(connection, scratch_database.OPTIONS, crew))

            def ask() -> Taken:
                session = sessions.open()
                with translated(connection, started=True):
                    return question(session)

            return attend(crew.start(ask), self._beat)

    # -- the report --------------------------------------------------------------------------

    def _refused(self, refused: RestoreRefused) -> ProofReport:
        # what refers to a thing that the server lacks cannot be made either
        is_for_lack = self._without.is_something and "does not exist" in refused.sentence
        if refused.is_ours or is_for_lack or self._request.counts.facts is None:
            return self._unmade(f"the scratch server refused the dump: {refused.sentence}")
        difference = Difference(what="the restore", expected="complete", found=refused.sentence)
        return self._report(Outcome.DIFFERENT, Compared(), (difference,), ())

    def _unmade(self, reason: str) -> ProofReport:
        gap = Unproven(what="the whole proof", reason=reason)
        return self._report(Outcome.UNPROVEN, Compared(), (), (gap,))

    def _report(
        self,
        outcome: Outcome,
        compared: Compared,
        differences: tuple[Difference, ...],
        unproven: tuple[Unproven, ...],
    ) -> ProofReport:
        request = self._request
        return ProofReport(
            level=request.level,
            outcome=outcome,
            compared_with="the source as it is now" if request.against else "the source's record",
            server_version=request.server_version,
            scratch_version=self._scratch_version,
            at=self._setup.clock.now(),
            seconds=round(self._setup.clock.monotonic() - self._begun, 3),
            compared=compared,
            differences=differences,
            unproven=unproven,
        )


def bytes_needed(request: ProofRequest, facts: DatabaseFacts | None) -> int:
    """Return what scratch a proof takes, by the best that is known of the database."""
    known = None if facts is None else facts.database_bytes
    return room_needed(known, request.raw_bytes, request.stored_bytes)


def _outcome(found: _Findings) -> Outcome:
    if found.differences:
        return Outcome.DIFFERENT
    # what was compared with nothing is not equal to anything
    has_measure = found.compared.tables or found.compared.definitions
    return Outcome.EQUAL if has_measure else Outcome.UNPROVEN


def _gaps_between(source: Taken, copy: Taken, record: DatabaseFacts | None) -> tuple[Unproven, ...]:
    # what the dump left open stays open, whatever the source says today
    unknown = {**(record.unknown if record else {}), **source.facts.unknown}
    facts = source.facts.model_copy(update={"unknown": unknown})
    counts = source.counts.model_copy(update={"facts": facts})
    gaps = gaps_of(BackupType.FULL, counts, copy.facts.major)
    return (*gaps, *versions_apart(source.facts, copy.facts))
