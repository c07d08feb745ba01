"""A full read that could not digest an archive says so, and why."""

from __future__ import annotations

from pathlib import Path

from chalicelib.domain.backup import Compression
from chalicelib.engine.verify import check_custom, check_plain
from chalicelib.postgres_ports import ArchiveReport
from tests.support.archives import pieces, small_archive
from tests.support.dumping import stub_clients

CODEC_AT = 11
LZ4 = 2


def read(folder: Path, data: bytes) -> ArchiveReport:
    """Read an archive with a client that takes whatever it is given."""
    client = stub_clients(folder / "clients", "cat > /dev/null").find()[0]
    return check_custom(client, pieces(data, 50), lambda: None)


def test_an_archive_that_is_digested_leaves_nothing_open(tmp_path: Path) -> None:
    report = read(tmp_path, small_archive().data)

    assert report.blocks
    assert report.reasons == ()


def test_a_codec_that_only_the_client_knows_is_told(tmp_path: Path) -> None:
    data = bytearray(small_archive().data)
    data[CODEC_AT] = LZ4

    report = read(tmp_path, bytes(data))

    assert report.blocks == ()
    assert report.reasons == ("not digested: archives compressed with lz4 cannot be read here",)


def test_a_script_is_not_digested_and_says_so() -> None:
    head, end = (
        b"--\n-- PostgreSQL database dump%s\n--\n\n" % said for said in (b"", b" complete")
    )

    report = check_plain(Compression.NONE, iter([head, end]), lambda: None)

    assert report.reasons == ("not digested: a plain dump has no blocks; a proof digests its rows",)
