"""A dump that is damaged anywhere is told from a whole one by reading it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chalicelib.domain.backup import BackupOptions, Compression, Format
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import HoldfastError, IntegrityFailed, Internal, VersionUnsupported
from chalicelib.engine.clients import Clients
from chalicelib.engine.engine import EngineSettings, PostgresEngine
from chalicelib.local.postgres import LocalPostgres
from chalicelib.postgres_ports import ArchiveReport
from tests.support.dumping import (
    Bystander,
    Dumped,
    Dumper,
    clients_running,
    execute,
    stub_clients,
    unpacked,
)

pytestmark = pytest.mark.postgres

CHECKSUMMED = [
    (Format.CUSTOM, Compression.GZIP),
    (Format.PLAIN, Compression.GZIP),
    (Format.PLAIN, Compression.BZIP2),
    (Format.PLAIN, Compression.ZSTD),
]
ALL = [*CHECKSUMMED, (Format.CUSTOM, Compression.NONE), (Format.PLAIN, Compression.NONE)]
LARGE = (
    "INSERT INTO people SELECT g, md5(g::text), '2000-01-01', 1 FROM generate_series(5000, 90000) g"
)


@pytest.fixture
def dump(source18: Connection, dumper: Dumper) -> Callable[[Format, Compression], Dumped]:
    """Make a dump of some megabytes."""
    execute(source18, LARGE)
    return lambda file_format, compression: dumper.dump(
        source18, BackupOptions(format=file_format, compression=compression)
    )


@pytest.mark.parametrize(("file_format", "compression"), ALL)
@pytest.mark.parametrize("piece_bytes", [1000, 1 << 20])
def test_a_whole_dump_passes_however_it_is_cut_into_chunks(
    dump: Callable[[Format, Compression], Dumped],
    dumper: Dumper,
    file_format: Format,
    compression: Compression,
    piece_bytes: int,
) -> None:
    dumped = dump(file_format, compression)

    report = check(dumper, dumped, dumped.main, piece_bytes)

    is_plain = file_format is Format.PLAIN
    assert report.raw_bytes > 4_000_000
    assert report.raw_bytes == dumped.result.raw_bytes or not is_plain
    assert report.read_by == (f"script reader ({compression})" if is_plain else "pg_restore 18.6")


@pytest.mark.parametrize(("file_format", "compression"), ALL)
@pytest.mark.parametrize("part", [0.0, 0.0001, 0.3, 0.7, 0.999, -1])
def test_a_truncated_dump_is_integrity_failed(
    dump: Callable[[Format, Compression], Dumped],
    dumper: Dumper,
    file_format: Format,
    compression: Compression,
    part: float,
) -> None:
    dumped = dump(file_format, compression)
    kept = len(dumped.main) - 1 if part < 0 else int(len(dumped.main) * part)

    with pytest.raises(IntegrityFailed):
        check(dumper, dumped, dumped.main[:kept])

    assert clients_running() == []


@pytest.mark.parametrize(("file_format", "compression"), CHECKSUMMED)
def test_a_flipped_bit_in_checksummed_data_is_integrity_failed(
    dump: Callable[[Format, Compression], Dumped],
    dumper: Dumper,
    file_format: Format,
    compression: Compression,
) -> None:
    dumped = dump(file_format, compression)
    size = len(dumped.main)
    places = range(size // 10, size, size // 12)

    passed = [place for place in places if passes(dumper, dumped, flipped(dumped.main, place))]

    assert passed == []


@pytest.mark.parametrize(("file_format", "compression"), ALL)
def test_foreign_bytes_are_integrity_failed(
    dump: Callable[[Format, Compression], Dumped],
    dumper: Dumper,
    file_format: Format,
    compression: Compression,
) -> None:
    dumped = dump(file_format, compression)

    with pytest.raises(IntegrityFailed):
        check(dumper, dumped, b"<html>not found</html>" * 1000)


@pytest.mark.parametrize("compression", Compression)
def test_bytes_after_a_script_s_end_are_integrity_failed(
    dump: Callable[[Format, Compression], Dumped], dumper: Dumper, compression: Compression
) -> None:
    dumped = dump(Format.PLAIN, compression)

    with pytest.raises(IntegrityFailed):
        check(dumper, dumped, dumped.main + b"DROP TABLE people;\n")


def test_many_bytes_after_an_archive_s_end_are_integrity_failed(
    dump: Callable[[Format, Compression], Dumped], dumper: Dumper
) -> None:
    dumped = dump(Format.CUSTOM, Compression.GZIP)

    with pytest.raises(IntegrityFailed):
        check(dumper, dumped, dumped.main + bytes(4 << 20))


def test_an_archive_of_a_newer_client_names_the_reason(
    dump: Callable[[Format, Compression], Dumped], postgres15: LocalPostgres, tmp_path: Path
) -> None:
    dumped = dump(Format.CUSTOM, Compression.GZIP)
    only_15 = Dumper(tmp_path, Clients([postgres15.bin_dir]))

    with pytest.raises(IntegrityFailed, match="unsupported version"):
        check(only_15, dumped, dumped.main)


def test_without_a_client_an_archive_is_version_unsupported(dumper: Dumper, tmp_path: Path) -> None:
    bare = Dumper(tmp_path, Clients([]))

    with pytest.raises(VersionUnsupported):
        bare.engine.check(Format.CUSTOM, Compression.GZIP, iter([b"PGDMP"]), Bystander())
    with pytest.raises(VersionUnsupported, match="zstd"):
        dumper.engine.check(Format.CUSTOM, Compression.ZSTD, iter([b"PGDMP"]), Bystander())


def test_under_policy_refuse_a_client_with_known_holes_reads_nothing(dumper: Dumper) -> None:
    settings = EngineSettings((), "refuse", 1, dumper.scratch)
    strict = PostgresEngine(settings, dumper.clock, dumper.clients)

    with pytest.raises(VersionUnsupported, match="known hole"):
        strict.check(Format.CUSTOM, Compression.GZIP, iter([b"PGDMP"]), Bystander())


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("cat >/dev/null; kill -9 $$", Internal),
        ("cat >/dev/null; exit 127", Internal),
        ("cat >/dev/null; exit 1", IntegrityFailed),
        ("cat >/dev/null; echo 'pg_restore: warning: odd' >&2", IntegrityFailed),
        ("exit 0", IntegrityFailed),
    ],
)
def test_a_reader_that_fails_passes_nothing(
    tmp_path: Path, body: str, error: type[HoldfastError]
) -> None:
    dumper = Dumper(tmp_path / "scratch", stub_clients(tmp_path / "stub", body))
    chunks = iter([b"PGDMP", bytes(8 << 20)])

    with pytest.raises(error):
        dumper.engine.check(Format.CUSTOM, Compression.GZIP, chunks, Bystander())


def test_a_reader_that_stops_in_the_middle_and_says_all_is_well_passes_nothing(
    dump: Callable[[Format, Compression], Dumped], tmp_path: Path
) -> None:
    dumped = dump(Format.CUSTOM, Compression.NONE)
    lazy = Dumper(tmp_path / "lazy", stub_clients(tmp_path / "stub", "head -c 99999 >/dev/null"))

    with pytest.raises(IntegrityFailed, match="stopped before the end"):
        check(lazy, dumped, dumped.main)


def test_the_script_in_each_codec_is_what_other_programs_unpack(
    dump: Callable[[Format, Compression], Dumped],
) -> None:
    scripts = {
        compression: unpacked(dump(Format.PLAIN, compression)) for compression in Compression
    }

    lengths = {len(script) for script in scripts.values()}
    assert len(lengths) == 1


def check(dumper: Dumper, dumped: Dumped, data: bytes, piece_bytes: int = 1 << 16) -> ArchiveReport:
    plan = dumped.plan
    return dumper.engine.check(
        plan.format, plan.compression, pieces(data, piece_bytes), Bystander()
    )


def passes(dumper: Dumper, dumped: Dumped, data: bytes) -> bool:
    try:
        check(dumper, dumped, data)
    except IntegrityFailed:
        return False
    return True


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]
