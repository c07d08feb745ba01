"""Which client dumps a server: a table of what is at hand and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.domain.backup import Compression, Format
from chalicelib.domain.errors import (
    HoldfastError,
    InvalidRequest,
    TlsFailed,
    Unsupported,
    VersionUnsupported,
)
from chalicelib.engine.choice import Need, choose, reader
from chalicelib.engine.clients import Client
from chalicelib.engine.versions import parse


def client(text: str) -> Client:
    """Read `18.7`, `18.7+tls`, `18.7+tls+zstd`."""
    version, *features = text.split("+")
    return Client(Path("/bin") / text, parse(version), "tls" in features, "zstd" in features)


def need(
    server: str = "17.2",
    *,
    must_encrypt: bool = False,
    encrypts: bool = False,
    file_format: Format = Format.CUSTOM,
    compression: Compression | None = None,
) -> Need:
    return Need(parse(server), must_encrypt, encrypts or must_encrypt, file_format, compression)


@pytest.mark.parametrize(
    ("at_hand", "wanted", "chosen"),
    [
        ("17.12", need(), "17.12"),
        ("18.7 17.12", need(), "17.12"),
        ("15.20 18.7", need(), "18.7"),
        ("19.1 18.7", need(), "18.7"),
        ("17.12 17.13", need(), "17.12"),
        ("17.12 17.12+tls", need(encrypts=True), "17.12+tls"),
        ("17.12 18.7+tls", need(encrypts=True), "17.12"),
        ("17.12 18.7+tls", need(must_encrypt=True), "18.7+tls"),
        ("17.12 17.12+zstd", need(compression=Compression.ZSTD), "17.12+zstd"),
        ("17.12 18.7+zstd", need(compression=Compression.ZSTD), "18.7+zstd"),
        ("17.12", need(compression=Compression.ZSTD, file_format=Format.PLAIN), "17.12"),
    ],
)
def test_the_own_major_or_the_next_higher_that_fits_is_chosen(
    at_hand: str, wanted: Need, chosen: str
) -> None:
    choice = choose([client(text) for text in at_hand.split()], wanted, "warn")

    assert choice.client == client(chosen)


@pytest.mark.parametrize(
    ("at_hand", "wanted", "error", "says"),
    [
        ("", need(), VersionUnsupported, "none"),
        ("16.16 15.20", need(), VersionUnsupported, r"17\.2 .* 16\.16, 15\.20"),
        ("17.12", need(must_encrypt=True), TlsFailed, r"17\.12"),
        ("16.16+tls 17.12", need(must_encrypt=True), TlsFailed, r"17\.12"),
        ("17.12", need(compression=Compression.ZSTD), Unsupported, "zstd"),
        ("17.12", need(compression=Compression.BZIP2), InvalidRequest, "bzip2"),
    ],
)
def test_what_is_missing_is_said(
    at_hand: str, wanted: Need, error: type[HoldfastError], says: str
) -> None:
    with pytest.raises(error, match=says):
        choose([client(text) for text in at_hand.split()], wanted, "warn")


@pytest.mark.parametrize(
    ("at_hand", "file_format", "codec"),
    [
        ("17.12", Format.CUSTOM, Compression.GZIP),
        ("17.12+zstd", Format.CUSTOM, Compression.ZSTD),
        ("17.12", Format.PLAIN, Compression.ZSTD),
    ],
)
def test_the_fastest_codec_at_hand_is_the_default(
    at_hand: str, file_format: Format, codec: Compression
) -> None:
    choice = choose([client(at_hand)], need(file_format=file_format), "warn")

    assert choice.compression is codec


@pytest.mark.parametrize("codec", [Compression.NONE, Compression.GZIP])
def test_an_explicit_codec_is_honoured(codec: Compression) -> None:
    choice = choose([client("17.12+zstd")], need(compression=codec), "warn")

    assert choice.compression is codec


@pytest.mark.parametrize("version", ["17.11", "18.6", "16.15", "15.19", "14.24", "13.23"])
def test_a_client_below_the_floor_is_warned_of_or_refused(version: str) -> None:
    [warning, *_] = choose([client(version)], need("13.1"), "warn").warnings

    assert "known hole" in warning
    with pytest.raises(VersionUnsupported, match="known hole"):
        choose([client(version)], need("13.1"), "refuse")


@pytest.mark.parametrize("version", ["17.12", "18.7", "19.0"])
def test_a_client_at_the_floor_passes_policy_refuse(version: str) -> None:
    choice = choose([client(version)], need("17.1"), "refuse")

    assert not any("known hole" in warning for warning in choice.warnings)


def test_a_newer_client_warns_of_the_setting_older_servers_do_not_know() -> None:
    [warning] = choose([client("17.12")], need("15.1"), "warn").warnings

    assert "transaction_timeout" in warning


def test_a_client_without_tls_for_an_encrypted_source_is_warned_of() -> None:
    [warning] = choose([client("17.12")], need(encrypts=True), "warn").warnings

    assert "not encrypted" in warning


@pytest.mark.parametrize(
    ("at_hand", "codec", "chosen"),
    [
        ("17.12 18.7 16.16", Compression.GZIP, "18.7"),
        ("17.12+zstd 18.7", Compression.ZSTD, "17.12+zstd"),
    ],
)
def test_the_newest_client_that_knows_the_codec_reads(
    at_hand: str, codec: Compression, chosen: str
) -> None:
    found = reader([client(text) for text in at_hand.split()], codec, "warn")

    assert found == client(chosen)
