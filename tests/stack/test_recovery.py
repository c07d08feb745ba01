"""RECOVERY.md, followed to the letter on a server that has never seen Holdfast, brings all back.

Three ways are compared: the source, what stock tools restored, and what Holdfast restored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.connection import Connection
from chalicelib.domain.object_keys import RECOVERY, attempt_prefix
from chalicelib.domain.restore import RestoreOptions, confirmation_of
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.comparison import Contents, compare, contents
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.services.restores import NewRestore
from tests.support import zoo
from tests.support.dumping import connected
from tests.support.recovering import commands, follow, missing_tools
from tests.support.stack import EMBEDDED, Stack, opened

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

LAYOUTS = [
    {"type": "full", "format": "custom"},
    {"type": "full", "format": "plain", "compression": "gzip"},
    {"type": "full", "format": "plain", "compression": "bzip2"},
    {"type": "full", "format": "plain", "compression": "zstd"},
    {"type": "full", "format": "plain", "compression": "none"},
    {"type": "data", "format": "custom"},
    {"type": "data", "format": "plain", "compression": "gzip"},
]


@pytest.fixture(scope="module")
def bare() -> Iterator[LocalPostgres]:
    """Start a server of the newest major that has no roles but its own."""
    newest = max(find_servers(), key=lambda programs: programs.version)
    with LocalPostgres(newest, LocalSettings(durable=False)) as server:
        yield server


@pytest.fixture
def source(postgres18: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    """Fill a database with an object of every class."""
    connection = database(postgres18)
    zoo.build(connection)
    return connection


@dataclass(frozen=True)
class Recovery:
    """Hold a completed backup, its files in a folder, and the blocks of its RECOVERY.md."""

    stack: Stack
    backup: Backup
    folder: Path

    @property
    def blocks(self) -> list[str]:
        return commands((self.folder / RECOVERY).read_text())

    def restore(self, target: Connection) -> None:
        """Restore into an empty database by Holdfast itself."""
        services = self.stack.services
        options = RestoreOptions(confirmation=confirmation_of(target.endpoint))
        asked = services.restores.request("t", NewRestore(self.backup.id, target, options))
        done = services.restore_runner("t").run(asked.id)
        assert done.status is Status.COMPLETED, done.error


@pytest.fixture
def recover(
    request: pytest.FixtureRequest, tmp_path: Path, source: Connection
) -> Iterator[Callable[..., Recovery]]:
    """Back the source up and fetch every object, as somebody would who has the store alone."""
    if missing_tools():
        pytest.skip(f"NOT TESTED: {', '.join(missing_tools())} not on this machine")
    with opened(EMBEDDED, request.config, tmp_path) as stack:
        yield lambda **options: fetched(stack, source, options, tmp_path / "fetched")


def fetched(stack: Stack, source: Connection, options: dict[str, object], folder: Path) -> Recovery:
    asked = stack.request(source, **options)
    backup = stack.services.backup_runner("t").run(asked.id)
    assert backup.status is Status.COMPLETED, backup.error
    folder.mkdir()
    store = stack.services.adapters.store
    for key in store.keys(attempt_prefix(backup)):
        (folder / key.rpartition("/")[2]).write_bytes(b"".join(store.read(key)))
    return Recovery(stack, backup, folder)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: "-".join(layout.values()))
def test_stock_tools_and_holdfast_bring_back_what_the_source_has(
    recover: Callable[..., Recovery],
    bare: LocalPostgres,
    source: Connection,
    layout: dict[str, str],
) -> None:
    recovery = recover(**layout)
    stock, ours = (bare.connection(f"{way}_{recovery.backup.id.lower()}") for way in ("s", "h"))

    said = follow(recovery.blocks, recovery.folder, stock, bare.bin_dir)
    make_empty(bare, ours)
    recovery.restore(ours)

    assert "Signature Verified Successfully" in said
    assert different(source, stock) == set()
    assert different(stock, ours) == set()


def test_a_changed_file_stops_whoever_follows_the_text(
    recover: Callable[..., Recovery], bare: LocalPostgres
) -> None:
    recovery = recover()
    dump = recovery.folder / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-1] + b"?")

    with pytest.raises(AssertionError, match=r"database\.dump: FAILED"):
        follow(recovery.blocks, recovery.folder, bare.connection("never_made"), bare.bin_dir)


def test_a_changed_manifest_does_not_pass_the_check_of_its_signature(
    recover: Callable[..., Recovery], bare: LocalPostgres
) -> None:
    recovery = recover()
    manifest = recovery.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(recovery.backup.id, "0" * 26))

    with pytest.raises(AssertionError, match="Signature Verification Failure"):
        follow(recovery.blocks[-2:], recovery.folder, bare.connection(), bare.bin_dir)


def make_empty(server: LocalPostgres, target: Connection) -> None:
    with closing(psycopg.connect(server.url(), autocommit=True)) as session:
        name = target.endpoint.database
        session.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())


def different(one: Connection, other: Connection) -> set[str]:
    differences = compare(look(one), look(other))
    assert len(differences) > 20
    return {f"{one.what}: {one.source}, {one.restored}" for one in differences if not one.equal}


def look(connection: Connection) -> Contents:
    with connected(connection) as session:
        return contents(session, lambda: None)
