"""Client programs that misbehave are told from dumps that succeeded, whatever they pretend."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.domain.backup import BackupOptions, Format
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import (
    DeadlineExceeded,
    DumpFailed,
    HoldfastError,
    IntegrityFailed,
    PermissionDenied,
    SourceLost,
    VersionUnsupported,
)
from chalicelib.domain.progress import Progress
from chalicelib.engine.clients import Clients
from chalicelib.postgres_ports import DumpRequest
from tests.support.dumping import Dumper, clients_running, memory_bytes, stub_clients

pytestmark = pytest.mark.postgres

GIGABYTE = 1 << 30
FORGET_TERM = "trap '' TERM"
HANG = "exec sleep 1000"
NEWS = "pg_dump: dumping contents of table"


class Deadline:
    """Watch with an end."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def check(self, progress: Progress | None = None) -> None:
        if time.monotonic() > self.end:
            raise DeadlineExceeded("the test's deadline")


class MemoryWatch:
    """Watch this process's memory."""

    def __init__(self) -> None:
        self.start_bytes = self.peak_bytes = memory_bytes()

    def check(self, progress: Progress | None = None) -> None:
        self.peak_bytes = max(self.peak_bytes, memory_bytes())


class Discarding:
    """Count bytes and forget them."""

    size_bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        self.size_bytes += len(data)


@pytest.fixture
def stubbed(tmp_path: Path, scratch: Path) -> Callable[[str], Dumper]:
    """Make a dumper whose pg_dump does what a shell script says."""
    return lambda body: Dumper(scratch, stub_clients(tmp_path / "stub", body))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("echo rows; exit 3", DumpFailed),
        ("exit 0", IntegrityFailed),
        ("exit 1", DumpFailed),
        ("kill -9 $$", DumpFailed),
        ("echo rows; kill -9 $$", DumpFailed),
        (f"echo '{NEWS} \"public.certificate\"' >&2; kill -9 $$", DumpFailed),
        (
            "echo 'pg_dump: error: server closed the connection unexpectedly' >&2; exit 1",
            SourceLost,
        ),
        ("echo 'pg_dump: error: permission denied for table t' >&2; exit 1", PermissionDenied),
        (
            "echo 'pg_dump: error: aborting because of server version mismatch' >&2; exit 1",
            VersionUnsupported,
        ),
    ],
)
def test_a_failure_is_what_it_says(
    source18: Connection,
    stubbed: Callable[[str], Dumper],
    body: str,
    error: type[HoldfastError],
) -> None:
    dumper = stubbed(body)

    with pytest.raises(error):
        dumper.dump(source18)

    assert dumper.leftovers() == []
    assert clients_running() == []


def test_a_reason_is_never_read_from_news_of_progress(
    source18: Connection, stubbed: Callable[[str], Dumper]
) -> None:
    dumper = stubbed(f"echo odd things >&2; echo '{NEWS} \"public.refused\"' >&2; exit 1")

    with pytest.raises(DumpFailed, match="gave up: odd things"):
        dumper.dump(source18)


def test_a_reason_holds_no_password(source18: Connection, stubbed: Callable[[str], Dumper]) -> None:
    dumper = stubbed(f"echo 'pg_dump: error: odd {source18.password} thing' >&2; exit 1")

    with pytest.raises(DumpFailed, match="odd … thing"):
        dumper.dump(source18)


@pytest.mark.parametrize(
    "body",
    [
        f"echo rows; exec >&-; {HANG}",
        f"{FORGET_TERM}; echo rows; exec >&-; while :; do sleep 1000; done",
        f"{FORGET_TERM}; while :; do sleep 1000; done",
        f"{HANG} & {HANG}",
    ],
    ids=["after the last byte", "ignoring SIGTERM", "before the first byte", "with a child"],
)
def test_a_client_that_hangs_ends_at_the_deadline(
    source18: Connection, stubbed: Callable[[str], Dumper], body: str
) -> None:
    dumper, watch = stubbed(body), Deadline(0.7)

    with pytest.raises(DeadlineExceeded):
        dumper.dump(source18, watch=watch)

    assert time.monotonic() - watch.end < 2
    assert clients_running() == []


def test_a_flood_on_stderr_neither_blocks_nor_fills_memory(
    source18: Connection, stubbed: Callable[[str], Dumper]
) -> None:
    dumper = stubbed(
        "yes 'pg_dump: error: this goes on and on and on' | head -c 200000000 >&2; echo rows"
    )
    before = memory_bytes()

    dumped = dumper.dump(source18)

    assert dumped.main == b"rows\n"
    assert memory_bytes() - before < 50_000_000


@pytest.mark.slow
@pytest.mark.parametrize("options", [BackupOptions(), BackupOptions(format=Format.PLAIN)], ids=str)
def test_a_gigabyte_passes_in_flat_memory(
    source18: Connection, stubbed: Callable[[str], Dumper], options: BackupOptions
) -> None:
    engine = stubbed(f"head -c {GIGABYTE} /dev/zero").engine
    request = DumpRequest(source18, engine.plan(source18, options), "run")
    watch, sink = MemoryWatch(), Discarding()

    result = engine.dump(request, lambda _: sink, watch)

    assert GIGABYTE in {sink.size_bytes, result.raw_bytes}
    assert watch.peak_bytes - watch.start_bytes < 30_000_000


def test_a_flood_without_line_ends_is_cut(
    source18: Connection, stubbed: Callable[[str], Dumper]
) -> None:
    dumper = stubbed("head -c 50000000 /dev/zero >&2; exit 1")

    with pytest.raises(DumpFailed) as caught:
        dumper.dump(source18)

    assert len(caught.value.message) < 300


def test_a_client_that_does_not_run_is_named(tmp_path: Path, source18: Connection) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_bytes(b"\x7fELF no program")
        (folder / name).chmod(0o755)

    with pytest.raises(VersionUnsupported, match="does not run"):
        Dumper(tmp_path / "scratch", Clients([folder])).dump(source18)
