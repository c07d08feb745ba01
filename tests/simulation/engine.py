"""An engine without PostgreSQL whose dumps tell whose they are and whether they are whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.backup import (
    BackupOptions,
    Compression,
    Format,
    SourceCounts,
    TableCount,
    plan_format,
)
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import AuthenticationFailed, IntegrityFailed, SourceLost
from chalicelib.domain.progress import Progress
from chalicelib.domain.proof import ProofReport
from chalicelib.postgres_ports import (
    ArchiveReport,
    DumpPlan,
    DumpRequest,
    DumpResult,
    Estimate,
    ProofRequest,
    ProofRoom,
    Sink,
    SourceReport,
    Watch,
)
from tests.simulation.history import DumpRun, History
from tests.simulation.plan import Kind
from tests.simulation.stage import Stage
from tests.support.world import LooksInside

CHUNKS: Final = 4
_MARK: Final = b"PGDMP"


@dataclass
class SimulatedEngine(LooksInside):
    """Dump text that names its database; `child_fate` says what goes wrong with the next child."""

    stage: Stage
    history: History
    passwords: dict[str, str]
    child_fate: Callable[[], Kind | None]

    def test(self, connection: Connection, ignoring: tuple[str, ...] = ()) -> SourceReport:
        self._admit(connection)
        database, user = connection.endpoint.database, connection.endpoint.user
        return SourceReport(
            server_version="18.6",
            database=database,
            user=user,
            tls=False,
            is_superuser=False,
            bypasses_rls=True,
            is_replica=False,
            clients=("18.6",),
            problems=(),
            warnings=(),
        )

    def databases(self, connection: Connection) -> tuple[str, ...]:
        self._admit(connection)
        return tuple(self.passwords)

    def estimate(self, connection: Connection, options: BackupOptions) -> Estimate:
        self._admit(connection)
        return Estimate(tables=1, table_bytes=100, large_objects=0, database_bytes=1000)

    def plan(self, connection: Connection, options: BackupOptions) -> DumpPlan:
        self._admit(connection)
        return DumpPlan(
            type=options.type,
            format=plan_format(options),
            compression=options.compression or Compression.GZIP,
            engine="stream",
            server_version="18.6",
            client_version="18.6",
            restore_needs="18",
        )

    def dump(
        self, request: DumpRequest, open_sink: Callable[[str], Sink], watch: Watch
    ) -> DumpResult:
        self._admit(request.connection)
        database = request.connection.endpoint.database
        content = archive(database, f"{request.run_id} {len(self.history.dumps)}")
        fate = self.child_fate()
        died = fate in {Kind.CHILD_DIES, Kind.CHILD_FAILS}
        self.history.dumps.append(DumpRun(request.run_id, database, 1 if died else 0, content))
        sink = open_sink("database.dump")
        size = -(-len(content) // CHUNKS)
        for number in range(CHUNKS):
            if fate is Kind.CHILD_DIES and number == CHUNKS - 1:
                break
            self.stage.sleep(self.stage.random.uniform(0.1, 3.0))
            sink.write(content[number * size : (number + 1) * size])
            watch.check(self._progress(request, number))
        if died:
            raise SourceLost("pg_dump ended with exit code 1")
        table = TableCount(schema_name="public", table="orders", rows=42)
        return DumpResult(counts=SourceCounts(tables=(table,)), raw_bytes=None)

    def proof_room(self, request: ProofRequest) -> ProofRoom:
        raise NotImplementedError  # as below

    def prove(
        self, request: ProofRequest, open_artefact: Callable[[str], Iterator[bytes]], watch: Watch
    ) -> ProofReport:
        raise NotImplementedError  # the simulation asks for no proofs

    def check(
        self, file_format: Format, compression: Compression, chunks: Iterator[bytes], watch: Watch
    ) -> ArchiveReport:
        watch.check()
        data = b"".join(chunks)
        if not is_whole(data):
            raise IntegrityFailed("the archive ends early or is damaged")
        self.history.read_whole.append(hashlib.sha256(data).hexdigest())
        return ArchiveReport(raw_bytes=len(data) * 3, read_by="pg_restore 18.6")

    def _admit(self, connection: Connection) -> None:
        if connection.password != self.passwords[connection.endpoint.database]:
            raise AuthenticationFailed("the server refused the password")

    def _progress(self, request: DumpRequest, number: int) -> Progress:
        now = self.stage.clock.now()
        return Progress(id=request.run_id, phase="dump", raw_bytes_done=number, at=now)


def archive(database: str, nonce: str) -> bytes:
    """Return a dump: a mark, what it holds, and the digest of both."""
    body = _MARK + f" {database} {nonce} ".encode() + bytes(range(256))
    return body + hashlib.sha256(body).digest()


def is_whole(data: bytes) -> bool:
    """Tell as a full read would whether a dump is complete and undamaged."""
    body, digest = data[:-32], data[-32:]
    return body.startswith(_MARK) and hashlib.sha256(body).digest() == digest
