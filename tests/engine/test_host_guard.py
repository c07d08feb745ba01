"""With the guard on, nothing of ours ever knocks at an inner address, however it is spelled."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from chalicelib.adapters.host_guard import PublicHosts, Resolve, system_resolve
from chalicelib.adapters.system import SystemClock
from chalicelib.domain.backup import BackupOptions, Compression
from chalicelib.domain.connection import Connection, Endpoint, SslMode, parse_url
from chalicelib.domain.errors import HoldfastError, InvalidRequest, SourceUnreachable
from chalicelib.engine.clients import Clients, default_folders
from chalicelib.engine.connection import SessionOptions, open_session
from chalicelib.engine.engine import EngineSettings, PostgresEngine
from chalicelib.ports import HostGuard
from tests.support.canary_server import CanaryServer
from tests.support.dumping import Dumper, endpoint_of, execute
from tests.support.process_tree import tree
from tests.support.servers import free_ports

STAND_IN = "127.0.0.2"
"""Plays a public address in these tests, for only this machine is reached."""
NAME = "db.example.org"
TRIES = 1000

HOSTS = (
    *("localhost", "LOCALHOST", "localhost.", "ip6-localhost", "vm"),
    *("127.0.0.1", "127.0.0.1.", "127.0.0.2", "127.1", "127.0.1", "0", "00000000"),
    "0.0.0.0",  # noqa: S104 - refused, never bound
    *("2130706433", "4294967297", "017700000001", "0x7f000001", "0X7F000001", "0x7f.0.0.1"),
    *("0177.0.0.1", "0x7f.1", "0177.1", "127.0.0.01", "127.000.000.001", "127.0.0x1"),
    *(
        "\uff11\uff12\uff17.0.0.1",
        "127\u30020\u30020\u30021",
        "\uff4cocalhost",
        "\u24db\u24deocalhost",
    ),
    *("::1", "0:0:0:0:0:0:0:1", "::0001", "::", "::ffff:127.0.0.1", "::ffff:7f00:1"),
    *("::ffff:0:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1"),
    *("2002:7f00:1::", "2001:0:7f00:1::", "::1%lo", "::1%1", "fe80::1%lo", "[::1]", "[127.0.0.1]"),
    *("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "198.18.0.1"),
    *("fd00:ec2::254", "fc00::1", "fe80::1", "ff02::1", "224.0.0.1", "255.255.255.255"),
    *("@holdfast", "127.0.0.1\n", " 127.0.0.1", "127.0.0.1 ", "127.0.0.1,127.0.0.1"),
    *("1.1.1.1,127.0.0.1", "db.example.org,localhost", "127.0.0.1:5432", "user@127.0.0.1"),
    *("host=127.0.0.1", "hostaddr=127.0.0.1", "postgresql://127.0.0.1", "%31%32%37.0.0.1"),
)
URLS = (
    *("postgresql://127.0.0.1:{port}/d", "postgresql://127.1:{port}/d", "postgresql://:{port}/d"),
    *("postgresql://[::1]:{port}/d", "postgresql://[::ffff:127.0.0.1]:{port}/d"),
    *("postgresql://[::1%25lo]:{port}/d", "postgresql://%31%32%37.0.0.1:{port}/d"),
    *("postgresql://%6cocalhost:{port}/d", "postgresql:///d?host=127.0.0.1&port={port}"),
    *("postgresql://1.1.1.1/d?host=127.0.0.1&port={port}", "postgresql:///d?port={port}"),
    *("postgresql://1.1.1.1/d?hostaddr=127.0.0.1&port={port}", "postgresql://%2Ftmp:{port}/d"),
    *("postgresql://1.1.1.1,127.0.0.1:{port}/d", "postgresql://1.1.1.1%2C127.0.0.1:{port}/d"),
    *("postgresql://1.1.1.1@127.0.0.1:{port}/d", "postgresql://u@1.1.1.1@127.0.0.1:{port}/d"),
    *("postgresql://u:1.1.1.1@127.0.0.1:{port}/d", "postgresql://127.0.0.1:{port}@1.1.1.1:1/d"),
    *("postgresql://1.1.1.1:1/d?user=a@127.0.0.1:{port}/d", "postgresql://0x7f.1:{port}/d"),
    *("postgresql://1.1.1.1:1?user=a@127.0.0.1:{port}", "POSTGRESQL://127.0.0.1:{port}/d"),
    *("postgresql://127.0.0.1\t:{port}/d", "postgresql://127.0.\n0.1:{port}/d"),
    *("postgresql://1.1.1.1:1\\@127.0.0.1:{port}/d", "postgresql://1.1.1.1:1#@127.0.0.1:{port}"),
)
DATABASES = (
    *("host=127.0.0.1 port={port}", "hostaddr=127.0.0.1 port={port}", "service=canary"),
    *("postgresql://127.0.0.1:{port}/d", "postgres://localhost:{port}", "host={folder}"),
)


@pytest.fixture
def canary() -> Iterator[CanaryServer]:
    with CanaryServer() as server:
        yield server


@pytest.fixture(scope="module")
def clients() -> Clients:
    return Clients(default_folders(()))


@pytest.fixture
def engine(clients: Clients, tmp_path: Path) -> PostgresEngine:
    """Give an engine as bootstrap makes it, but for the pause after a refusal."""
    guard = PublicHosts(system_resolve, SystemClock(), ignored)
    settings = EngineSettings((), "warn", 1.0, tmp_path, guard)
    return PostgresEngine(settings, SystemClock(), clients)


def ignored(seconds: float) -> None:
    del seconds


def guard_over(resolve: Resolve) -> PublicHosts:
    """Return the guard, with the stand-in taken for a public address."""
    return PublicHosts(resolve, SystemClock(), ignored, lambda address: address == STAND_IN)


def answer(found: list[str], host: str) -> list[str]:
    return found


def knock(guard: HostGuard | None, host: str, port: int) -> None:
    endpoint = Endpoint.model_construct(
        host=host, port=port, database="d", user="u", sslmode=SslMode.DISABLE, sslrootcert=None
    )
    options = SessionOptions("holdfast test", 1.0, guard=guard)
    with suppress(HoldfastError):
        open_session(Connection(endpoint), options).close()


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "127.1", "localhost"])
def test_without_the_guard_these_spellings_do_arrive(host: str, canary: CanaryServer) -> None:
    knock(None, host, canary.port)

    assert canary.total > 0


@pytest.mark.parametrize("host", HOSTS, ids=ascii)
def test_no_spelling_of_a_host_arrives(
    host: str, engine: PostgresEngine, canary: CanaryServer
) -> None:
    endpoint = Endpoint.model_construct(
        host=host, port=canary.port, database="d", user="u", sslmode=SslMode.DISABLE
    )

    with pytest.raises((InvalidRequest, SourceUnreachable)):
        engine.test(Connection(endpoint))

    assert canary.total == 0


@pytest.mark.parametrize("url", URLS, ids=ascii)
def test_no_spelling_of_a_url_arrives(
    url: str, engine: PostgresEngine, canary: CanaryServer
) -> None:
    with pytest.raises((InvalidRequest, SourceUnreachable)):
        engine.test(parse_url(url.format(port=canary.port)))

    assert canary.total == 0


@pytest.mark.parametrize("database", DATABASES)
def test_no_connection_string_in_a_database_name_arrives(
    database: str, canary: CanaryServer, tmp_path: Path
) -> None:
    name = database.format(port=canary.port, folder=tmp_path)
    options = SessionOptions("holdfast test", 1.0, guard=guard_over(lambda host: [STAND_IN]))

    with CanaryServer([STAND_IN]) as outside, pytest.raises(SourceUnreachable):
        open_session(Connection(Endpoint(host=NAME, port=outside.port, database=name)), options)

    assert (canary.total, outside.total) == (0, 1)


def test_the_tables_hold_sixty_spellings_and_more() -> None:
    assert len({*HOSTS, *URLS, *DATABASES}) >= 60


def test_a_name_that_changes_between_looks_never_leads_inside(canary: CanaryServer) -> None:
    answers = itertools.cycle([[STAND_IN], ["127.0.0.1"], [STAND_IN, "::1"], ["::1", STAND_IN]])
    guard = guard_over(lambda host: next(answers))

    with CanaryServer([STAND_IN], canary.port) as outside:
        for _ in range(TRIES):
            knock(guard, NAME, canary.port)

    assert (canary.total, outside.total) == (0, TRIES // 4)


def test_an_address_that_does_not_answer_is_followed_by_the_next(canary: CanaryServer) -> None:
    both = PublicHosts(lambda host: ["127.0.0.3", STAND_IN], SystemClock(), ignored, is_loopback)

    with CanaryServer([STAND_IN], canary.port) as outside:
        knock(both, NAME, canary.port)

    assert (canary.total, outside.total) == (0, 1)


def test_unknown_inner_and_silent_names_are_told_alike() -> None:
    (port,) = free_ports(1)
    answers: tuple[list[str], ...] = (
        [],
        ["10.0.0.1"],
        [STAND_IN, "::1"],
        [STAND_IN],
    )  # the last is tried, in vain

    told = set()
    for found in answers:
        options = SessionOptions("holdfast test", 1.0, guard=guard_over(partial(answer, found)))
        with pytest.raises(SourceUnreachable) as refused:
            open_session(Connection(Endpoint(host=NAME, port=port)), options)
        told.add((refused.value.message, refused.value.hint, str(refused.value.fields)))

    assert len(told) == 1


@pytest.mark.postgres
def test_a_dump_goes_to_the_checked_address_and_keeps_the_name(
    source18: Connection, scratch: Path, clients: Clients
) -> None:
    execute(source18, "CREATE TABLE big AS SELECT repeat('x', 300) FROM generate_series(1, 60000)")
    answers = itertools.chain([["127.0.0.1"]] * 2, itertools.repeat([STAND_IN]))
    guard = PublicHosts(lambda host: next(answers), SystemClock(), ignored, is_loopback)
    dumper = Dumper(scratch, clients, guard=guard)
    seen: list[dict[str, str]] = []
    dumper.on_first_bytes = lambda: seen.append(environment_of_pg_dump())

    with CanaryServer([STAND_IN], source18.endpoint.port) as changed:
        dumped = dumper.dump(
            endpoint_of(source18, host=NAME), BackupOptions(compression=Compression.NONE)
        )

    assert (seen[0]["PGHOST"], seen[0]["PGHOSTADDR"]) == (NAME, "127.0.0.1")
    assert (changed.total, len(dumped.main) > 1_000_000) == (0, True)


def is_loopback(address: str) -> bool:
    return address.startswith("127.")


def environment_of_pg_dump() -> dict[str, str]:
    """Return the variables of the one pg_dump that this process runs."""
    [dump] = [seen for seen in tree(os.getpid()) if seen.name == "pg_dump"]
    return dump.variables
