"""The local server starts, survives a crash with its rows, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chalicelib.domain.errors import HoldfastError
from chalicelib.engine.server_programs import find_servers, reachable_programs, unprivileged_account
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from tests.support.dumping import execute

pytestmark = pytest.mark.postgres


@pytest.fixture
def server() -> Iterator[LocalPostgres]:
    """Give a server of the test's own, of the newest version here."""
    with LocalPostgres(find_servers()[0], LocalSettings(durable=False)) as server:
        yield server


def test_both_ways_to_name_it_reach_it(server: LocalPostgres) -> None:
    with psycopg.connect(server.url()) as session:
        version = session.info.parameter_status("server_version")

    assert version == server.version
    execute(server.connection(), "SELECT 1")


def test_a_wrong_password_is_refused(server: LocalPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url().replace("postgres:", "postgres:no"))


@pytest.mark.parametrize("how", ["restart", "crash"])
def test_rows_survive(server: LocalPostgres, how: str) -> None:
    port = server.port
    execute(server.connection(), "CREATE TABLE kept AS SELECT 1 AS one", "CHECKPOINT")

    if how == "crash":
        server.kill()
    server.restart()

    assert server.port == port
    execute(server.connection(), "SELECT one FROM kept")


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_nothing_is_left_behind(how: str) -> None:
    server = LocalPostgres(find_servers()[0], LocalSettings(durable=False))
    server.start()
    home = server.socket_dir.parent
    segment = (home / "data" / "postmaster.pid").read_text().splitlines()[6].split()[1]

    if how == "killed":
        server.kill()
    server.close()

    assert not home.exists()
    assert segment not in _shared_memory()


def test_closing_twice_is_fine() -> None:
    server = LocalPostgres(find_servers()[0], LocalSettings(durable=False))
    server.start()

    server.close()
    server.close()

    with pytest.raises(HoldfastError):
        _ = server.pid


def test_programs_that_the_account_cannot_reach_are_copied(tmp_path: Path) -> None:
    account = unprivileged_account()
    if account is None:
        pytest.skip("NOT TESTED: only root needs the copy")
    programs = find_servers()[0]
    closed = tmp_path / "closed" / "package" / "pginstall"
    closed.parent.mkdir(parents=True)
    closed.symlink_to(programs.bin_dir.parent)
    closed.parent.parent.chmod(0o700)

    reached = reachable_programs(closed / "bin", account, tmp_path / "spare")

    assert reached.is_relative_to(tmp_path / "spare")
    assert (reached / "postgres").is_file()
    assert (reached.parent / "share").is_dir()


def _shared_memory() -> set[str]:
    return {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}
