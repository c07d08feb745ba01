"""What workers do with PostgreSQL, as Protocols with their contracts; see `ports` for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from chalicelib.domain.backup import BackupOptions, BackupType, Compression, Format, SourceCounts
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.connection import Connection
from chalicelib.domain.contents import ArchiveContents, RowsWanted, TableRows
from chalicelib.domain.dump_scope import EVERYTHING, DumpPart, DumpScope, Reading
from chalicelib.domain.errors import NotFound
from chalicelib.domain.estimate import Expectation, LockHeld, OpenTransaction
from chalicelib.domain.manifest import Manifest, ManifestPart
from chalicelib.domain.object_keys import SCHEMA_DUMP
from chalicelib.domain.progress import Progress
from chalicelib.domain.proof import Assertion, ProofLevel, ProofReport
from chalicelib.domain.restore import Preflight, RestoreOptions, RestoreReport, TargetState
from chalicelib.domain.supabase import SupabaseSettings


class Watch(Protocol):
    """Be asked, at least twice a second, whether the work may go on."""

    def check(self, progress: Progress | None = None) -> None:
        """Publish progress, if any; raise Cancelled, LeaseLost or DeadlineExceeded to stop."""
        ...


class Sink(Protocol):
    """Take the bytes of one artefact in order. Its opener completes or aborts it."""

    def write(self, data: bytes | memoryview) -> None:
        """Take a chunk; StorageFailed when it cannot be kept."""
        ...


@dataclass(frozen=True)
class SourceReport:
    """Say what a connection test found.

    `clients` are the versions at hand that can dump this server; `problems` are sentences on what
    would make a backup fail, `warnings` on what to mend.
    """

    server_version: str
    database: str
    user: str
    tls: bool
    is_superuser: bool
    bypasses_rls: bool
    is_replica: bool
    clients: tuple[str, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Estimate:
    """Say what a backup would take and meet: bytes as the catalogue has them.

    `locks` are those that a dump would wait for, `transactions` have been open for long; `expected`
    is how long a run takes, for who knows the earlier ones. Where a proof is asked for, it takes
    `proof_bytes` of scratch, of which `scratch_bytes` are free where this worker would make it.
    """

    tables: int
    table_bytes: int
    large_objects: int
    database_bytes: int
    proof_bytes: int = 0
    scratch_bytes: int | None = None
    locks: tuple[LockHeld, ...] = ()
    transactions: tuple[OpenTransaction, ...] = ()
    expected: Expectation | None = None


@dataclass(frozen=True)
class DumpPlan:
    """Say how a dump will be made; every choice is taken.

    `restore_needs` is the oldest major of pg_restore (of psql, for a plain dump) that reads it.
    """

    type: BackupType
    format: Format
    compression: Compression
    engine: str
    server_version: str
    client_version: str
    restore_needs: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class DumpResult:
    """Say what a dump saw. `raw_bytes` is set where the engine itself saw the raw stream.

    `counts` are those of the main archive, `parts` those of each part with data, by its name.
    """

    counts: SourceCounts
    raw_bytes: int | None
    parts: Mapping[str, SourceCounts] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArchiveReport:
    """Say what a full read of a dump found; `raw_bytes` is the length of the SQL it holds.

    Of an archive these are its statements, rows and large objects, and 0 where pg_restore alone can
    read it. `blocks` are the digests of an archive's blocks; where there are none, `undigested`
    says why.
    """

    raw_bytes: int
    read_by: str
    blocks: tuple[BlockDigest, ...] = ()
    undigested: str | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """What the read left open, as the report of a verification says it."""
        return () if self.undigested is None else (f"not digested: {self.undigested}",)


class Ranges(Protocol):
    """Give parts of one stored archive."""

    @property
    def size_bytes(self) -> int:
        """How long the archive is."""
        ...

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to before `end`; StorageFailed when the store fails."""
        ...


@dataclass(frozen=True)
class DumpRequest:
    """Say what to dump: a plan for one connection, and a name that marks its sessions.

    `reads_twice` has the rows read once more in the same snapshot, for their digests. `parts` and
    `readings` become artefacts beside the main one, whose `scope` need not be everything.
    """

    connection: Connection
    plan: DumpPlan
    run_id: str
    reads_twice: bool = False
    scope: DumpScope = EVERYTHING
    parts: tuple[DumpPart, ...] = ()
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True)
class ProofRequest:
    """Say what to prove, and what is known of it.

    `blocks` are the digests on record; where there are none, the dump's own text is the measure.
    With `against` the copy is compared with that database as it is now, rows in any order.
    `is_ours` says that a signature of ours covers every byte: others need clients at the floor.
    `parts` are restored with the dump into one copy. `has_roles` says that the artefact
    `role_statements.ROLES` makes the roles; the copy must then answer its question alike.
    """

    level: ProofLevel
    type: BackupType
    format: Format
    compression: Compression
    server_version: str
    client_version: str
    counts: SourceCounts
    blocks: tuple[BlockDigest, ...]
    stored_bytes: int
    raw_bytes: int | None = None
    assertions: tuple[Assertion, ...] = ()
    against: Connection | None = None
    is_ours: bool = True
    parts: tuple[ManifestPart, ...] = ()
    has_roles: bool = False


@dataclass(frozen=True)
class ProofRoom:
    """Say how much scratch a proof takes, and how much is free here; None: nobody knows."""

    needed_bytes: int
    free_bytes: int | None


class Engine(Protocol):
    """Do the PostgreSQL work. Every call may raise a SourceError or Internal, dump also DumpFailed.

    Whatever a call starts (processes, sessions, files) has ended when it returns or raises.
    """

    def test(self, connection: Connection, ignoring: tuple[str, ...] = ()) -> SourceReport:
        """Reach the server and say what a backup would meet that leaves some schemas out."""
        ...

    def databases(self, connection: Connection) -> tuple[str, ...]:
        """List the databases of the server that can be backed up, without templates."""
        ...

    def estimate(self, connection: Connection, options: BackupOptions) -> Estimate:
        """Size the work from the catalogue, without reading rows."""
        ...

    def plan(self, connection: Connection, options: BackupOptions) -> DumpPlan:
        """Choose client, codec and engine for this server, or say why none fits."""
        ...

    def dump(
        self, request: DumpRequest, open_sink: Callable[[str], Sink], watch: Watch
    ) -> DumpResult:
        """Dump into sinks: one per name of `object_keys.dump_names`, per part, per reading's name.

        Returning means: every child exited with 0, every stream ended, and bytes came. What a
        sink raises passes through unchanged. Progress carries the request's `run_id` as its id.
        """
        ...

    def check(
        self, file_format: Format, compression: Compression, chunks: Iterator[bytes], watch: Watch
    ) -> ArchiveReport:
        """Read a dump from its first byte to its last; IntegrityFailed if it is not one."""
        ...

    def proof_room(self, request: ProofRequest) -> ProofRoom:
        """Say what scratch a proof would take, from what was recorded; nothing is read."""
        ...

    def prove(
        self, request: ProofRequest, open_artefact: Callable[[str], Iterator[bytes]], watch: Watch
    ) -> ProofReport:
        """Restore a dump into a scratch server and compare the copy with what is known.

        `open_artefact` gives the bytes of an artefact of `object_keys.dump_names`, possibly more
        than once. What differs, and why a proof could not be made, stands in the report;
        IntegrityFailed when the dump cannot even be read.
        """
        ...

    def contents(
        self, source: Ranges, blocks: tuple[BlockDigest, ...], watch: Watch
    ) -> ArchiveContents:
        """List what an archive of format custom holds, reading its head only.

        `blocks` are what a full read found, or nothing; they tell sizes that the archive itself
        does not know. IntegrityFailed for what is no such archive.
        """
        ...

    def rows(
        self, source: Ranges, blocks: tuple[BlockDigest, ...], wanted: RowsWanted, watch: Watch
    ) -> TableRows:
        """Decode the first rows of one table, reading little else where its place is known.

        Where neither the archive nor `blocks` know the place, everything before it is read.
        NotFound when the archive has no rows of such a table; InvalidRequest when the name fits
        several.
        """
        ...


@dataclass(frozen=True)
class RestoreFile:
    """Give the bytes of an artefact: `open` yields them from the first, as often as it is called.

    `path` is set where they lie in a file, which several processes may then read at once.
    """

    open: Callable[[], Iterator[bytes]]
    path: Path | None = None


@dataclass(frozen=True)
class PartSource:
    """Describe one archive of a backup, and what was recorded of it; None where nothing was."""

    file: RestoreFile
    counts: SourceCounts | None
    blocks: tuple[BlockDigest, ...] = ()


def no_files(key: str) -> Iterator[bytes]:
    """Be the files of a backup that has none."""
    raise NotFound(f"the backup has no file {key}")


@dataclass(frozen=True)
class RestoreSource:
    """Describe what is restored; None where nobody recorded it.

    `schema` is the archive of definitions beside a dump of type data. `is_ours` says that a
    signature of ours covers every byte. `blocks` are the digests of `main` on record. `artefacts`
    are all that were fetched, `parts` the archives beside `main`, both by name; `open_file` gives
    the bytes of a copied file by its key, unchecked, and from several threads at once.
    """

    main: RestoreFile
    schema: RestoreFile | None
    type: BackupType | None
    format: Format
    compression: Compression
    server_version: str | None
    restore_needs: str | None
    counts: SourceCounts | None
    is_ours: bool
    blocks: tuple[BlockDigest, ...] = ()
    artefacts: Mapping[str, RestoreFile] = field(default_factory=dict)
    parts: Mapping[str, PartSource] = field(default_factory=dict)
    open_file: Callable[[str], Iterator[bytes]] = no_files

    @classmethod
    def described(
        cls, manifest: Manifest, files: Mapping[str, RestoreFile], *, is_ours: bool
    ) -> RestoreSource:
        """Return what a manifest describes; `files` are those of its artefacts that are needed."""
        return cls(
            main=files[manifest.main.name],
            schema=files.get(SCHEMA_DUMP),
            type=manifest.type,
            format=manifest.format,
            compression=manifest.compression,
            server_version=manifest.server_version,
            restore_needs=manifest.restore_needs,
            counts=manifest.counts,
            is_ours=is_ours,
            blocks=manifest.blocks,
            artefacts=files,
            parts={
                part.name: PartSource(files[part.name], part.counts, part.blocks)
                for part in manifest.parts
                if part.name in files
            },
        )

    @property
    def main_part(self) -> PartSource:
        """The dump itself, as the other archives are described."""
        return PartSource(self.main, self.counts, self.blocks)


@dataclass(frozen=True)
class PlatformTarget:
    """Say how the platform behind a target is reached; a key is None where nobody gave one."""

    settings: SupabaseSettings
    access_token: str | None = field(repr=False, default=None)
    storage_key: str | None = field(repr=False, default=None)


@dataclass(frozen=True)
class RestoreRequest:
    """Say what goes where and how; `run_id` marks the sessions on the target.

    `platform` is set where the target is a project of a platform, whose rules then hold.
    """

    source: RestoreSource
    connection: Connection
    options: RestoreOptions
    run_id: str
    platform: PlatformTarget | None = None


class Restorer(Protocol):
    """Bring archives back. Every call may raise the SourceError classes, about the target.

    Whatever a call starts (processes, sessions, files) has ended when it returns or raises.
    """

    def preflight(self, request: RestoreRequest, watch: Watch) -> Preflight:
        """Say what a restore would meet; changes nothing."""
        ...

    def restore(
        self, request: RestoreRequest, reached: Callable[[TargetState], None], watch: Watch
    ) -> RestoreReport:
        """Restore, then compare the target with what was recorded of the dump.

        The preflight comes first, and its first problem is raised before anything is changed.
        `reached` is called before the target changes for the first time, and once all is restored.
        Objects that the target refused are errors in the report, not exceptions.
        """
        ...
