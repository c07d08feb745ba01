"""What the catalog on SQLite promises beyond its port."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.catalog import FIND_ALL, FIND_BY_INDEX, GET, SqliteCatalog
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.errors import NotFound, StorageFailed
from chalicelib.domain.record import Insert, Put, Query

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BOUNDS = {"kind": "audit", "after": "", "before": b"", "rows": 50}
BY_FIELD = BOUNDS | {"field": "subject_id", "value": "s"}

KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from chalicelib.adapters.embedded.catalog import SqliteCatalog
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.record import Insert

def event(number):
    return AuditEvent(id=f"E{number}", at=datetime.now(UTC), actor="a", action="a", subject_id="s")

class Deadly(list):
    def __iter__(self):
        yield from super().__iter__()
        os.kill(os.getpid(), signal.SIGKILL)

catalog = SqliteCatalog(Path(sys.argv[1]))
catalog.commit([Insert(event(number)) for number in range(3)])
catalog.commit(Deadly(Insert(event(number)) for number in range(3, 3 + int(sys.argv[2]))))
"""


def event(number: int, details: str = "") -> AuditEvent:
    return AuditEvent(
        id=f"E{number}",
        at=NOW,
        actor="a",
        action="a",
        subject_id="s",
        details={"text": details},
    )


def plan_of(path: Path, statement: str, values: object) -> str:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[arg-type]
        return "\n".join(row[3] for row in rows)


def test_a_list_by_index_is_one_range_of_that_index(tmp_path: Path) -> None:
    SqliteCatalog(tmp_path / "c.db").close()

    plan = plan_of(tmp_path / "c.db", FIND_BY_INDEX, BY_FIELD)

    bounds = "(kind=? AND field=? AND value=? AND id>? AND id<?)"
    assert f"SEARCH entries USING COVERING INDEX entries_by_value {bounds}" in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize(
    ("statement", "values", "bounds"),
    [(FIND_ALL, BOUNDS, "(kind=? AND id>? AND id<?)"), (GET, ("audit", "E"), "(kind=? AND id=?)")],
)
def test_other_reads_are_ranges_of_the_primary_key(
    tmp_path: Path, statement: str, values: object, bounds: str
) -> None:
    SqliteCatalog(tmp_path / "c.db").close()

    plan = plan_of(tmp_path / "c.db", statement, values)

    assert plan == f"SEARCH records USING INDEX sqlite_autoindex_records_1 {bounds}"


def test_a_page_costs_the_same_among_ten_thousand(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    catalog = SqliteCatalog(path)
    catalog.commit([Put(event(number)) for number in range(100, 200)])
    few = steps_of(path)

    catalog.commit([Put(event(number)) for number in range(10_000, 20_000)])

    assert steps_of(path) < few * 1.1
    catalog.close()


def steps_of(path: Path) -> int:
    """Count what SQLite's machine does for a page, in steps of ten instructions."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with closing(sqlite3.connect(path)) as connection:
        connection.set_progress_handler(count, 10)
        assert len(connection.execute(FIND_BY_INDEX, BY_FIELD).fetchall()) == 50
    return steps


@pytest.mark.parametrize("writes", [0, 1, 50])
def test_a_process_killed_before_its_commit_changed_nothing(tmp_path: Path, writes: int) -> None:
    path = tmp_path / "c.db"
    arguments = [sys.executable, "-c", KILLED, str(path), str(writes)]

    killed = subprocess.run(arguments, check=False, timeout=60)

    catalog = SqliteCatalog(path)
    found = [record.id for record in catalog.find(Query(AuditEvent)).items]
    assert killed.returncode == (-9 if writes else 0)
    assert found == ["E2", "E1", "E0"]
    catalog.commit([Insert(event(3))])
    catalog.close()


def test_a_full_disk_fails_and_keeps_what_was_there(small_disk: Path) -> None:
    catalog = SqliteCatalog(small_disk / "c.db")
    catalog.commit([Insert(event(1))])

    with pytest.raises(StorageFailed, match="the disk is full"):
        catalog.commit([Insert(event(2, "x" * 2_000_000))])

    assert catalog.get(AuditEvent, "E1") == event(1).model_copy(update={"revision": 1})
    with pytest.raises(NotFound):
        catalog.get(AuditEvent, "E2")
    catalog.commit([Insert(event(2))])
    catalog.close()


def test_a_document_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    catalog = SqliteCatalog(path)
    catalog.commit([Insert(event(1))])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE records SET document = json_set(document, '$.new', 1)")

    with pytest.raises(StorageFailed, match="audit E1 cannot be read") as caught:
        catalog.get(AuditEvent, "E1")

    assert "another version" in caught.value.hint
    catalog.close()
