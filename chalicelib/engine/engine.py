"""The engine as the services see it: choices by the pure modules, work by the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from chalicelib.domain.backup import BackupOptions, Compression, Format, plan_format
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.connection import Connection, SslMode
from chalicelib.domain.contents import ArchiveContents, RowsWanted, TableRows
from chalicelib.domain.errors import VersionUnsupported
from chalicelib.domain.proof import ProofReport
from chalicelib.engine import inspection, scratch, stream, verify
from chalicelib.engine.archive import inside
from chalicelib.engine.choice import Choice, FloorPolicy, Need, choose, reader
from chalicelib.engine.clients import Client, Clients, default_folders
from chalicelib.engine.connection import Session
from chalicelib.engine.crew import Beat
from chalicelib.engine.inspection import Facts, looking
from chalicelib.engine.proof.proving import ProofSetup, Proving, bytes_needed
from chalicelib.engine.server_programs import find_servers
from chalicelib.engine.versions import parse
from chalicelib.ports import Clock, HostGuard
from chalicelib.postgres_ports import (
    ArchiveReport,
    DumpPlan,
    DumpRequest,
    DumpResult,
    Estimate,
    ProofRequest,
    ProofRoom,
    Ranges,
    Sink,
    SourceReport,
    Watch,
)


@dataclass(frozen=True)
class EngineSettings:
    """Say where clients are looked for first, and how patient and how strict the engine is.

    `scratch_dir` takes password files only; it is made when it is not there. With a `guard`,
    sources are reached at addresses it gives and nowhere else.
    """

    client_dirs: tuple[Path, ...]
    floor_policy: FloorPolicy
    lock_timeout_s: float
    scratch_dir: Path
    guard: HostGuard | None = None


class PostgresEngine:
    """Implement `ports.Engine` with the PostgreSQL client programs of this machine."""

    def __init__(
        self, settings: EngineSettings, clock: Clock, clients: Clients | None = None
    ) -> None:
        """Keep the parts; `clients` replaces the search through the usual folders."""
        self._settings = settings
        self._clock = clock
        self._clients = clients or Clients(default_folders(settings.client_dirs))

    def test(self, connection: Connection, ignoring: tuple[str, ...] = ()) -> SourceReport:
        """Reach the server and say what a backup would meet that leaves some schemas out."""
        looked = inspection.Looked(connection, self._clients.find(), ignoring)
        with self._looking(connection) as session:
            return inspection.report(session, looked)

    def databases(self, connection: Connection) -> tuple[str, ...]:
        """List the databases of the server that can be backed up, without templates."""
        with self._looking(connection) as session:
            return inspection.databases(session)

    def estimate(self, connection: Connection, options: BackupOptions) -> Estimate:
        """Size the work from the catalogue, without reading rows."""
        with self._looking(connection) as session:
            found = inspection.estimate(session, options.type)
        if options.verification is None or options.verification.proof_level is None:
            return found
        return replace(
            found,
            proof_bytes=scratch.room_needed(found.database_bytes, None, None),
            scratch_bytes=scratch.room_free(self._settings.scratch_dir),
        )

    def plan(self, connection: Connection, options: BackupOptions) -> DumpPlan:
        """Choose client and codec for this server, or say why none fits."""
        file_format = plan_format(options)
        with self._looking(connection) as session:
            found = inspection.facts(session)
        need = _need(connection, found, file_format, options.compression)
        choice = choose(self._clients.find(), need, self._settings.floor_policy)
        return _plan(options, found, file_format, choice)

    def dump(
        self, request: DumpRequest, open_sink: Callable[[str], Sink], watch: Watch
    ) -> DumpResult:
        """Dump into sinks, one per artefact name, with the client the plan names."""
        setup = stream.Setup(
            client=self._planned_client(request),
            lock_timeout_s=self._settings.lock_timeout_s,
            scratch=self._settings.scratch_dir,
            clock=self._clock,
            guard=self._settings.guard,
        )
        return stream.dump(setup, request, open_sink, watch)

    def check(
        self, file_format: Format, compression: Compression, chunks: Iterator[bytes], watch: Watch
    ) -> ArchiveReport:
        """Read a dump from its first byte to its last; IntegrityFailed if it is not one."""
        beat = Beat(watch, self._clock)
        if file_format is Format.PLAIN:
            return verify.check_plain(compression, chunks, beat)
        client = reader(self._clients.find(), compression, self._settings.floor_policy)
        return verify.check_custom(client, chunks, beat)

    def proof_room(self, request: ProofRequest) -> ProofRoom:
        """Say what scratch a proof would take, from what was recorded; nothing is read."""
        return ProofRoom(
            bytes_needed(request, request.counts.facts),
            scratch.room_free(self._settings.scratch_dir),
        )

    def prove(
        self, request: ProofRequest, open_artefact: Callable[[str], Iterator[bytes]], watch: Watch
    ) -> ProofReport:
        """Restore a dump into a scratch server and compare the copy with what is known."""
        setup = ProofSetup(
            servers=find_servers(configured=self._settings.client_dirs),
            folder=self._settings.scratch_dir,
            floor_policy=self._settings.floor_policy,
            clock=self._clock,
        )
        return Proving(setup, request, watch).run(open_artefact)

    def _looking(self, connection: Connection) -> AbstractContextManager[Session]:
        return looking(connection, self._settings.lock_timeout_s, self._settings.guard)

    def contents(
        self, source: Ranges, blocks: tuple[BlockDigest, ...], watch: Watch
    ) -> ArchiveContents:
        """List what an archive of format custom holds, reading its head only."""
        return inside.contents(source, blocks, Beat(watch, self._clock))

    def rows(
        self, source: Ranges, blocks: tuple[BlockDigest, ...], wanted: RowsWanted, watch: Watch
    ) -> TableRows:
        """Decode the first rows of one table, reading little else where its place is known."""
        return inside.rows(source, blocks, wanted, Beat(watch, self._clock))

    def _planned_client(self, request: DumpRequest) -> Client:
        plan = request.plan
        same = [c for c in self._clients.find() if str(c.version) == plan.client_version]
        if not same:
            raise VersionUnsupported(
                f"the clients of version {plan.client_version} that the plan names are not here",
                hint="Run all workers with the same PostgreSQL client programs.",
            )
        must_encrypt = request.connection.endpoint.sslmode.must_encrypt
        need = Need(
            server=parse(plan.server_version),
            must_encrypt=must_encrypt,
            encrypts=request.connection.endpoint.sslmode is not SslMode.DISABLE,
            file_format=plan.format,
            compression=plan.compression,
        )
        return choose(same, need, self._settings.floor_policy).client


def _need(
    connection: Connection, found: Facts, file_format: Format, compression: Compression | None
) -> Need:
    return Need(
        server=parse(found.version),
        must_encrypt=connection.endpoint.sslmode.must_encrypt,
        encrypts=found.is_encrypted,
        file_format=file_format,
        compression=compression,
    )


def _plan(options: BackupOptions, found: Facts, file_format: Format, choice: Choice) -> DumpPlan:
    version = choice.client.version
    return DumpPlan(
        type=options.type,
        format=file_format,
        compression=choice.compression,
        engine="stream",
        server_version=found.version,
        client_version=str(version),
        restore_needs=str(version.major),
        warnings=choice.warnings,
    )
