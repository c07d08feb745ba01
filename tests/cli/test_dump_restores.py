"""Whatever a dump's layout: stock programs bring it back, equal in everything it holds."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib.domain.connection import Connection
from chalicelib.local.comparison import Contents, compare, contents
from chalicelib.local.postgres import LocalPostgres

pytestmark = pytest.mark.postgres

TYPES = ("full", "schema", "data")
FORMS = (
    ("custom", "none"),
    ("custom", "gzip"),
    ("plain", "none"),
    ("plain", "gzip"),
    ("plain", "bzip2"),
    ("plain", "zstd"),
)
UNPACK = {
    "gzip": ("gzip", "-dc"),
    "bzip2": ("bzip2", "-dc"),
    "zstd": ("zstd", "-dc"),
    "none": ("cat",),
}
MARKS = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "zstd": b"\x28\xb5\x2f\xfd", "none": b"--"}
MIXTURE = r"""
CREATE SCHEMA "Straße ""&"" Co";
CREATE TYPE mood AS ENUM ('fine', 'it''s so-so');
CREATE TABLE "Straße ""&"" Co".orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, said text, feels mood DEFAULT 'fine',
    at timestamptz, raw bytea, twice bigint GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO "Straße ""&"" Co".orders (said, feels, at, raw)
    SELECT CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN '\N' WHEN 2 THEN E'a\tb\n\\.' ELSE 'ü🦖' END,
        'it''s so-so', timestamptz 'epoch' + n * interval '1 hour', decode(md5(n::text), 'hex')
    FROM generate_series(1, 500) n;
CREATE TABLE lines (order_id bigint REFERENCES "Straße ""&"" Co".orders, n int)
    PARTITION BY HASH (n);
CREATE TABLE lines_0 PARTITION OF lines FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE lines_1 PARTITION OF lines FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO lines SELECT n % 500 + 1, n FROM generate_series(1, 300) n;
CREATE INDEX ON lines (n) WHERE n > 10;
CREATE TABLE nothing ();
CREATE SEQUENCE alone START 7;
SELECT nextval('alone'), lo_from_bytea(77001, '\x00ff0a5c2e');
CREATE VIEW totals AS SELECT order_id, count(*) FROM lines GROUP BY 1;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
COMMENT ON VIEW totals IS E'line one\nline two';
"""
# what a dump of the schema leaves behind, and nothing else
ROWS = {
    'table Straße "&" Co.orders',
    "table public.lines_0",
    "table public.lines_1",
    'sequence Straße "&" Co.orders_id_seq',
    "sequence public.alone",
    "large objects",
}


@pytest.fixture(params=["postgres18", "postgres15"])
def server(request: pytest.FixtureRequest) -> LocalPostgres:
    chosen: LocalPostgres = request.getfixturevalue(request.param)
    return chosen


def _connect(server: LocalPostgres, database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(server.url(database), autocommit=True)


@pytest.fixture
def source(server: LocalPostgres, database: Callable[..., Connection]) -> str:
    """A database with something of everything; its name is one that careless tools break on."""
    name = database(server, 'it\'s a "shop" --file=x').endpoint.database
    with _connect(server, name) as session:
        session.execute(MIXTURE.encode())
    return name


@pytest.fixture
def restore(server: LocalPostgres, database: Callable[..., Connection]) -> Callable[[Path], str]:
    """Restore a dump by stock programs alone, and return the new database."""

    def made_of(file: Path) -> str:
        name = database(server).endpoint.database
        schema = file.with_name(file.name + ".schema.dump")
        if schema.exists():
            _pg_restore(server, name, schema, "--section=pre-data")
        if file.read_bytes().startswith(b"PGDMP"):
            _pg_restore(server, name, file)
        else:
            _psql(server, name, file)
        if schema.exists():
            _pg_restore(server, name, schema, "--section=post-data")
        return name

    return made_of


def _environment(server: LocalPostgres, database: str) -> dict[str, str]:
    connection = server.connection(database)
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PGHOST": connection.endpoint.host,
        "PGPORT": str(server.port),
        "PGUSER": connection.endpoint.user,
        "PGPASSWORD": connection.password,
        "PGDATABASE": database,
    }


def _pg_restore(server: LocalPostgres, database: str, file: Path, *options: str) -> None:
    argv: list[str | Path] = [
        server.bin_dir / "pg_restore",
        "--exit-on-error",
        f"--dbname={database}",
    ]
    _succeed([*argv, *options, file], _environment(server, database))


def _psql(server: LocalPostgres, database: str, file: Path) -> None:
    codec = next(codec for codec, mark in MARKS.items() if file.read_bytes().startswith(mark))
    unpacked = _succeed([*UNPACK[codec], file], None)
    argv: list[str | Path] = [
        server.bin_dir / "psql",
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
    ]
    _succeed(argv, _environment(server, database), unpacked)


def _succeed(
    argv: Sequence[str | Path], environment: dict[str, str] | None, given: bytes = b""
) -> bytes:
    done = subprocess.run(argv, env=environment, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-1000:]
    return done.stdout


def _contents(server: LocalPostgres, database: str) -> Contents:
    with _connect(server, database) as session:
        return contents(session)


def _different(server: LocalPostgres, source: str, restored: str) -> set[str]:
    lines = compare(_contents(server, source), _contents(server, restored))
    return {line.what for line in lines if not line.equal}


@pytest.mark.parametrize(
    "layout", [(kind, *form) for kind in TYPES for form in FORMS], ids="-".join
)
def test_stock_programs_bring_every_layout_back(
    shell: Any,
    server: LocalPostgres,
    source: str,
    restore: Callable[[Path], str],
    layout: tuple[str, str, str],
) -> None:
    kind, file_format, codec = layout
    options = ("--type", kind, "--format", file_format, "--compression", codec)

    done = shell.run("dump", "env:S", "-o", "x", *options, "--json", S=server.url(source))
    checked = shell.run("check", "x", "--require-signature")

    assert (done.code, checked.code) == (0, 0), done.out + checked.err
    different = _different(server, source, restore(Path("x").absolute()))
    assert different == (ROWS if kind == "schema" else set())


@pytest.mark.parametrize("name", ["--file=x", "host=elsewhere dbname=y", "a b", "postgresql://h/d"])
def test_a_database_may_be_called_anything(
    shell: Any, postgres18: LocalPostgres, database: Callable[..., Connection], name: str
) -> None:
    database(postgres18, name)

    done = shell.run("dump", "env:S", "-o", "x", "--json", S=postgres18.url(name))

    assert done.code == 0, done.out
    assert sorted(p.name for p in Path().iterdir()) == ["x", "x.manifest.json"]


def test_a_codec_that_no_client_has_is_refused_before_anything_is_made(
    shell: Any, postgres18: LocalPostgres
) -> None:
    options = ("--format", "custom", "--compression", "zstd")

    done = shell.run("dump", postgres18.url(), "-o", "x", *options, "--json")

    if done.code == 0:
        pytest.skip("NOT TESTED: the clients of this machine know zstd")
    assert done.json["error"]["code"] in {"unsupported", "version_unsupported"}
    assert list(Path().iterdir()) == []
