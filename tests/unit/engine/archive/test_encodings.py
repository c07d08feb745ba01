"""Names and rows are shown in the encoding that the archive says."""

from __future__ import annotations

import pytest

from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.encodings import CODECS, codec_of, readable
from chalicelib.engine.archive.toc_reader import read_toc
from tests.support.archives import Entry, Writer


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF8", "utf-8"),
        ("LATIN1", "iso8859-1"),
        ("LATIN9", "iso8859-15"),
        ("WIN1252", "cp1252"),
        ("WIN866", "cp866"),
        ("EUC_JP", "euc_jp"),
        ("SJIS", "cp932"),
        ("KOI8R", "koi8-r"),
        ("BIG5", "big5"),
        ("GB18030", "gb18030"),
        ("SQL_ASCII", "utf-8"),
        ("MULE_INTERNAL", "utf-8"),
        ("", "utf-8"),
        ("hex", "utf-8"),
        ("idna", "utf-8"),
        ("undefined", "utf-8"),
    ],
)
def test_every_encoding_of_postgresql_has_a_codec(name: str, codec: str) -> None:
    said = Entry(1, "ENCODING", "ENCODING", definition=f"SET client_encoding = '{name}';\n")

    toc = read_toc(ByteStream(iter([Writer().archive(said).data])))

    assert codec_of(toc) == codec


def test_an_archive_that_says_nothing_is_utf_8() -> None:
    assert codec_of(read_toc(ByteStream(iter([Writer().archive().data])))) == "utf-8"


def test_what_is_no_text_is_replaced() -> None:
    assert readable(b"a\xff".decode("utf-8", "surrogateescape"), "utf-8") == "a\ufffd"


def test_text_in_another_codec_comes_out_right() -> None:
    assert readable(b"M\xe4rz".decode("utf-8", "surrogateescape"), "iso8859-1") == "März"


@pytest.mark.parametrize("name", sorted(CODECS))
def test_every_codec_takes_any_bytes(name: str) -> None:
    data = bytes(range(256))

    assert data.decode(CODECS[name], "replace")
