"""`holdfast check` on every layout, with and without a manifest, sound and damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib.domain.connection import Connection
from chalicelib.local.postgres import LocalPostgres

pytestmark = pytest.mark.postgres

FORMS = ["custom-none", "custom-gzip", "plain-none", "plain-gzip", "plain-bzip2", "plain-zstd"]
Damage = Callable[[bytes], bytes]


@pytest.fixture
def url(postgres18: LocalPostgres, database: Callable[..., Connection]) -> str:
    url = postgres18.url(database(postgres18).endpoint.database)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 999) n")
    return url


@pytest.fixture(params=FORMS)
def dumped(shell: Any, url: str, request: pytest.FixtureRequest) -> Path:
    """The dump `x` in one of the layouts."""
    file_format, codec = request.param.split("-")
    done = shell.run("dump", url, "-o", "x", "--format", file_format, "--compression", codec)
    assert done.code == 0, done.err
    return Path("x")


def _cut(data: bytes) -> bytes:
    return data[:-7]


def _lengthen(data: bytes) -> bytes:
    return data + b"more"


def _empty(data: bytes) -> bytes:
    return data[:0]


def _garble(data: bytes) -> bytes:
    return b"?" * len(data)


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def test_every_layout_passes_with_its_manifest_and_without(shell: Any, dumped: Path) -> None:
    beside = shell.run("check", dumped, "--require-signature", "--json")
    Path("x.manifest.json").unlink()
    alone = shell.run("check", dumped, "--json")

    assert (beside.code, alone.code) == (0, 0)
    assert (beside.json["signed_by"], alone.json["signed_by"]) == ("ours", None)
    assert alone.json["format"] == beside.json["format"]
    assert beside.json["raw_bytes"] == alone.json["raw_bytes"] > 30_000


@pytest.mark.parametrize("damage", [_cut, _empty, _garble])
def test_damage_is_found_without_a_manifest(shell: Any, dumped: Path, damage: Damage) -> None:
    dumped.write_bytes(damage(dumped.read_bytes()))
    Path("x.manifest.json").unlink()

    done = shell.run("check", dumped, "--json")

    assert (done.code, done.json["error"]["code"]) == (3, "integrity_failed")


@pytest.mark.parametrize("damage", [_cut, _empty, _garble, _flip, _lengthen])
def test_any_damage_is_found_with_a_manifest(shell: Any, dumped: Path, damage: Damage) -> None:
    dumped.write_bytes(damage(dumped.read_bytes()))

    done = shell.run("check", dumped, "--json")

    assert (done.code, done.json["error"]["code"]) == (3, "integrity_failed")


def test_a_sound_dump_under_another_one_s_manifest_is_refused(shell: Any, url: str) -> None:
    shell.run("dump", url, "-o", "one")
    shell.run("dump", url, "-o", "two", "--type", "schema")
    Path("two").replace("one")

    done = shell.run("check", "one")

    assert done.code == 3


@pytest.mark.parametrize("version", [0, 2, "1"])
def test_a_manifest_of_another_version_is_not_guessed_at(
    shell: Any, url: str, version: object
) -> None:
    shell.run("dump", url, "-o", "x")
    manifest = Path("x.manifest.json")
    envelope = json.loads(manifest.read_text())
    payload = {**json.loads(envelope["payload"]), "holdfast_manifest": version}
    manifest.write_text(json.dumps({**envelope, "payload": json.dumps(payload)}))

    assert shell.run("check", "x").code == 3


def test_the_json_of_a_dump_has_these_fields_and_no_others(shell: Any, url: str) -> None:
    done = shell.run("dump", url, "-o", "x", "--json")

    assert sorted(done.json) == [
        "bytes",
        "client_version",
        "compression",
        "engine",
        "files",
        "format",
        "large_objects",
        "manifest",
        "path",
        "raw_bytes",
        "reasons",
        "restore_needs",
        "rows",
        "seconds",
        "server_version",
        "sha256",
        "tables",
        "type",
        "uncounted",
        "verify_seconds",
        "warnings",
    ]
    assert (done.json["rows"], done.json["tables"]) == (999, 1)
