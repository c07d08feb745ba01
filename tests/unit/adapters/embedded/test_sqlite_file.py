"""One SQLite file: schemas, transactions, locks, and what is said when it fails."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.file_lock import locked
from chalicelib.adapters.embedded.sqlite_file import CAUSES, Schema, SqliteFile, sqlite_errors
from chalicelib.domain.errors import Conflict, StorageFailed

FIRST = ("CREATE TABLE notes (text TEXT)",)
SECOND = ("ALTER TABLE notes ADD COLUMN mood TEXT", "INSERT INTO notes VALUES ('made', 'good')")
OLD = Schema("notes", (FIRST,))
NEW = Schema("notes", (FIRST, SECOND))
OTHER = Schema("other", (("CREATE TABLE others (text TEXT)",),))

OPEN_AT_ONCE = """
import sys
from pathlib import Path
from chalicelib.adapters.embedded.sqlite_file import Schema, SqliteFile
print("ready", flush=True)
sys.stdin.readline()
schema = Schema("notes", (("CREATE TABLE notes (text TEXT)",), ("INSERT INTO notes VALUES (1)",)))
SqliteFile(Path(sys.argv[1]), schema).close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "notes.db"


@pytest.fixture
def file(path: Path) -> Iterator[SqliteFile]:
    file = SqliteFile(path, OLD, busy_timeout_s=0.05)
    yield file
    file.close()


def texts(file: SqliteFile) -> list[str]:
    with file.reading() as connection:
        return [row[0] for row in connection.execute("SELECT text FROM notes")]


def add(file: SqliteFile, text: str) -> None:
    with file.writing() as connection:
        connection.execute("INSERT INTO notes (text) VALUES (?)", (text,))


# -- opening


def test_the_file_is_for_its_owner_only(file: SqliteFile, path: Path) -> None:
    add(file, "secret")

    assert {p.stat().st_mode & 0o077 for p in (path.parent, *path.parent.iterdir())} == {0}


def test_a_file_is_safe_against_power_cuts_and_readers_do_not_wait(file: SqliteFile) -> None:
    with file.reading() as connection:
        modes = [connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("journal_mode",)]
        synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]

    assert modes == ["wal"]
    assert synchronous == 2


def test_missing_migrations_are_applied_to_an_old_file(file: SqliteFile, path: Path) -> None:
    add(file, "old")

    newer = SqliteFile(path, NEW)

    assert texts(newer) == ["old", "made"]
    newer.close()


def test_migrations_are_applied_once(path: Path) -> None:
    SqliteFile(path, NEW).close()
    again = SqliteFile(path, NEW)

    assert texts(again) == ["made"]
    again.close()


def test_a_migration_that_fails_changes_nothing(file: SqliteFile, path: Path) -> None:
    broken = Schema("notes", (FIRST, (*SECOND, "INSERT INTO nowhere VALUES (1)")))

    with pytest.raises(StorageFailed):
        SqliteFile(path, broken)

    assert texts(file) == []
    SqliteFile(path, NEW).close()


def test_two_schemas_share_a_file(file: SqliteFile, path: Path) -> None:
    other = SqliteFile(path, OTHER)

    add(file, "here")

    with other.reading() as connection:
        assert connection.execute("SELECT count(*) FROM others").fetchone() == (0,)
    other.close()


def test_processes_that_open_a_new_file_at_once_migrate_it_once(path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN_AT_ONCE, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    for child in children:
        child.communicate(b"go\n", timeout=60)

    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT count(*) FROM notes").fetchone()
    assert [child.returncode for child in children] == [0] * 4
    assert rows == (1,)


def test_a_newer_file_is_refused_with_a_hint(path: Path) -> None:
    SqliteFile(path, NEW).close()

    with pytest.raises(StorageFailed, match="newer version") as caught:
        SqliteFile(path, OLD)

    assert "Install" in caught.value.hint


@pytest.mark.parametrize("content", [b"x" * 5000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_refused_and_kept(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(StorageFailed, match=r"notes\.db failed"):
        SqliteFile(path, OLD)

    assert path.read_bytes() == content


def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir(parents=True)

    with pytest.raises(StorageFailed, match="cannot be opened"):
        SqliteFile(path, OLD)


def test_a_damaged_file_is_named(file: SqliteFile, path: Path) -> None:
    add(file, "x" * 100_000)
    file.close()
    with path.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * 90_000)

    with pytest.raises(StorageFailed, match="damaged"):
        SqliteFile(path, OLD)


# -- transactions


def test_an_exception_rolls_back(file: SqliteFile) -> None:
    def failing() -> None:
        with file.writing() as connection:
            connection.execute("INSERT INTO notes VALUES ('lost')")
            raise Conflict("no")

    with pytest.raises(Conflict):
        failing()

    add(file, "kept")
    assert texts(file) == ["kept"]


def test_readers_go_on_while_another_writes(file: SqliteFile) -> None:
    add(file, "before")

    with file.writing() as connection:
        connection.execute("INSERT INTO notes VALUES ('during')")
        seen = texts(file)

    assert seen == ["before"]
    assert texts(file) == ["before", "during"]


def test_a_writer_that_waits_too_long_fails(file: SqliteFile) -> None:
    with file.writing(), pytest.raises(StorageFailed, match="another process holds it"):
        add(file, "late")

    assert texts(file) == []


def test_writers_of_threads_wait_for_each_other(path: Path) -> None:
    file = SqliteFile(path, OLD)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add(file, str(number)), range(40)))

    assert sorted(texts(file)) == sorted(str(number) for number in range(40))
    file.close()


def test_a_closed_file_says_so(file: SqliteFile) -> None:
    file.close()

    with pytest.raises(StorageFailed, match="closed"):
        texts(file)


def test_a_file_closed_during_a_loan_closes_afterwards(file: SqliteFile) -> None:
    with file.reading() as connection:
        file.close()

    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")


# -- errors and locks


@pytest.mark.parametrize("code", CAUSES)
def test_each_known_code_has_its_sentence(tmp_path: Path, code: int) -> None:
    error = sqlite3.OperationalError("what sqlite says")
    error.sqlite_errorcode = code | 0x100  # an extended code of the same family

    with pytest.raises(StorageFailed) as caught, sqlite_errors(tmp_path / "c.db"):
        raise error

    assert caught.value.message == f"c.db failed: {CAUSES[code][0]}"
    assert caught.value.__cause__ is error


def test_an_unknown_error_keeps_its_words(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="sqlite says odd"), sqlite_errors(tmp_path / "c.db"):
        raise sqlite3.DatabaseError("odd")


def test_a_lock_is_waited_for_until_a_deadline(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    with (
        locked(path),
        pytest.raises(StorageFailed, match="holds a lock"),
        locked(path, timeout_s=0.02),
    ):
        pytest.fail("two held one lock")


def test_a_lock_that_was_given_back_can_be_taken(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        pass

    with locked(tmp_path / "lock", timeout_s=0.0):
        assert (tmp_path / "lock").exists()
