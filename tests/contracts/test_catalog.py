"""What every catalog promises."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from pydantic import AwareDatetime

from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.errors import Conflict, InvalidRequest, NotFound, RevisionConflict
from chalicelib.domain.progress import Progress
from chalicelib.domain.record import MAX_SCAN, Insert, Put, Query, Record, Remove, Replace, Write
from chalicelib.ports import Catalog

Race = Callable[..., list[str]]
NOW: AwareDatetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MAX_COMMIT = 100  # no catalog has to take more writes at once


def backup(number: int = 1, project_id: str = "p1", status: Status = Status.PENDING) -> Backup:
    return Backup(
        id=f"B{number:06d}",
        project_id=project_id,
        name=f"backup {number}",
        requested_by="tester",
        created_at=NOW,
        status=status,
    )


def progress(phase: str) -> Progress:
    return Progress(id="B1", phase=phase, at=NOW)


def fill(catalog: Catalog, count: int, project_id: str = "p1") -> None:
    writes = [Insert(backup(number, project_id)) for number in range(1, count + 1)]
    for start in range(0, count, MAX_COMMIT):
        catalog.commit(writes[start : start + MAX_COMMIT])


def ids(records: tuple[Record, ...]) -> list[int]:
    return [int(record.id[1:]) for record in records]


# -- get


def test_an_inserted_record_is_read_back_at_revision_1(catalog: Catalog) -> None:
    catalog.commit([Insert(backup())])

    assert catalog.get(Backup, "B000001") == backup().model_copy(update={"revision": 1})


def test_a_missing_record_is_not_found(catalog: Catalog) -> None:
    with pytest.raises(NotFound):
        catalog.get(Backup, "B000001")


def test_kinds_do_not_see_each_other(catalog: Catalog) -> None:
    catalog.commit([Insert(backup())])

    with pytest.raises(NotFound):
        catalog.get(Progress, "B000001")


@pytest.mark.parametrize("record_id", ["a'b", 'a"b', "%", "", "ü😀", "a\x00b", "x" * 128])
def test_any_text_can_be_an_id(catalog: Catalog, record_id: str) -> None:
    record = backup().model_copy(update={"id": record_id or " "})

    catalog.commit([Insert(record)])

    assert catalog.get(Backup, record.id).id == record.id


# -- commit


def test_an_insert_over_a_taken_id_is_a_conflict(catalog: Catalog) -> None:
    catalog.commit([Insert(backup())])

    with pytest.raises(Conflict) as caught:
        catalog.commit([Insert(backup(status=Status.FAILED))])

    assert not isinstance(caught.value, RevisionConflict)
    assert catalog.get(Backup, "B000001").status is Status.PENDING


def test_a_replace_adds_one_to_the_revision(catalog: Catalog) -> None:
    catalog.commit([Insert(backup())])
    read = catalog.get(Backup, "B000001")

    catalog.commit([Replace(read.model_copy(update={"name": "new"}))])

    stored = catalog.get(Backup, "B000001")
    assert (stored.name, stored.revision) == ("new", 2)


def test_the_given_record_is_not_changed(catalog: Catalog) -> None:
    given = backup()

    catalog.commit([Insert(given)])

    assert given == backup()


@pytest.mark.parametrize("write", [Replace, Remove])
def test_a_write_at_an_old_revision_is_refused(
    catalog: Catalog, write: type[Replace | Remove]
) -> None:
    catalog.commit([Insert(backup())])
    old = catalog.get(Backup, "B000001")
    catalog.commit([Replace(old)])

    with pytest.raises(RevisionConflict):
        catalog.commit([write(old)])

    assert catalog.get(Backup, "B000001").revision == 2


@pytest.mark.parametrize("write", [Replace, Remove])
def test_a_write_to_a_missing_record_is_refused(
    catalog: Catalog, write: type[Replace | Remove]
) -> None:
    with pytest.raises(RevisionConflict):
        catalog.commit([write(backup().model_copy(update={"revision": 1}))])


def test_a_removed_record_is_gone_from_everywhere(catalog: Catalog) -> None:
    catalog.commit([Insert(backup())])

    catalog.commit([Remove(catalog.get(Backup, "B000001"))])

    assert catalog.find(Query(Backup)).items == ()
    assert catalog.find(Query(Backup, index=("project_id", "p1"))).items == ()
    with pytest.raises(NotFound):
        catalog.get(Backup, "B000001")


def test_a_removed_id_can_be_inserted_again(catalog: Catalog) -> None:
    catalog.commit([Insert(backup())])
    catalog.commit([Remove(catalog.get(Backup, "B000001"))])

    catalog.commit([Insert(backup())])

    assert catalog.get(Backup, "B000001").revision == 1


def test_put_stores_whatever_is_there(catalog: Catalog) -> None:
    catalog.commit([Put(progress("dump"))])
    catalog.commit([Put(progress("verify"))])

    assert catalog.get(Progress, "B1").phase == "verify"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_one_refused_write_refuses_all(catalog: Catalog, number: int) -> None:
    catalog.commit([Insert(backup(9))])
    writes: list[Write] = [Insert(backup(1)), Put(progress("dump")), Insert(backup(2))]
    writes.insert(number, Insert(backup(9)))

    with pytest.raises(Conflict):
        catalog.commit(writes)

    assert ids(catalog.find(Query(Backup)).items) == [9]
    with pytest.raises(NotFound):
        catalog.get(Progress, "B1")


def test_no_writes_are_fine(catalog: Catalog) -> None:
    catalog.commit([])

    assert catalog.find(Query(Backup)).items == ()


# -- find


def test_records_come_newest_first(catalog: Catalog) -> None:
    fill(catalog, 3)

    page = catalog.find(Query(Backup))

    assert ids(page.items) == [3, 2, 1]
    assert page.next_before_id is None


def test_found_records_carry_their_revision(catalog: Catalog) -> None:
    catalog.commit([Insert(backup())])
    catalog.commit([Replace(catalog.get(Backup, "B000001"))])

    assert catalog.find(Query(Backup)).items[0].revision == 2


def test_an_index_lists_only_its_value(catalog: Catalog) -> None:
    catalog.commit([Insert(backup(1, "p1")), Insert(backup(2, "p2")), Insert(backup(3, "p1"))])

    assert ids(catalog.find(Query(Backup, index=("project_id", "p1"))).items) == [3, 1]
    assert catalog.find(Query(Backup, index=("project_id", "P1"))).items == ()


def test_an_index_follows_the_record(catalog: Catalog) -> None:
    catalog.commit([Insert(backup())])
    read = catalog.get(Backup, "B000001")

    catalog.commit([Replace(read.model_copy(update={"status": Status.FAILED}))])

    assert catalog.find(Query(Backup, index=("status", "pending"))).items == ()
    assert ids(catalog.find(Query(Backup, index=("status", "failed"))).items) == [1]


def test_an_index_without_a_value_lists_nothing(catalog: Catalog) -> None:
    catalog.commit([Insert(backup())])

    assert catalog.get(Backup, "B000001").chore is None
    assert catalog.find(Query(Backup, index=("chore", "None"))).items == ()


def test_a_field_without_an_index_is_refused(catalog: Catalog) -> None:
    with pytest.raises(InvalidRequest):
        catalog.find(Query(Backup, index=("name", "backup 1")))


def test_a_limit_below_one_is_refused(catalog: Catalog) -> None:
    with pytest.raises(InvalidRequest):
        catalog.find(Query(Backup, limit=0))


@pytest.mark.parametrize("index", [None, ("project_id", "p1")])
def test_bounds_are_exclusive(catalog: Catalog, index: tuple[str, str] | None) -> None:
    fill(catalog, 5)

    page = catalog.find(Query(Backup, index, after_id="B000001", before_id="B000004"))

    assert ids(page.items) == [3, 2]
    assert page.next_before_id is None


@pytest.mark.parametrize(("count", "cursor"), [(3, None), (4, "B000002"), (5, "B000003")])
def test_a_cursor_comes_only_when_something_is_left(
    catalog: Catalog, count: int, cursor: str | None
) -> None:
    fill(catalog, count)

    page = catalog.find(Query(Backup, limit=3))

    assert len(page.items) == 3
    assert page.next_before_id == cursor


@pytest.mark.parametrize("index", [None, ("project_id", "p1")])
def test_pages_together_hold_each_record_once(
    catalog: Catalog, index: tuple[str, str] | None
) -> None:
    fill(catalog, 11)
    found: list[int] = []
    page = catalog.find(Query(Backup, index, limit=3))

    while True:
        found += ids(page.items)
        if page.next_before_id is None:
            break
        page = catalog.find(Query(Backup, index, limit=3, before_id=page.next_before_id))

    assert found == list(range(11, 0, -1))


def test_records_made_between_two_pages_do_not_shift_them(catalog: Catalog) -> None:
    fill(catalog, 4)
    first = catalog.find(Query(Backup, limit=2))

    catalog.commit([Insert(backup(5))])

    second = catalog.find(Query(Backup, limit=2, before_id=first.next_before_id))
    assert ids(second.items) == [2, 1]


def test_keep_filters_what_an_index_cannot(catalog: Catalog) -> None:
    fill(catalog, 6)

    page = catalog.find(Query(Backup, limit=2, keep=lambda b: b.id in {"B000001", "B000005"}))

    assert ids(page.items) == [5, 1]


@pytest.mark.parametrize(("extra", "cursor"), [(0, None), (1, "B000002")])
def test_the_scan_limit_ends_a_page_short_with_a_cursor(
    catalog: Catalog, extra: int, cursor: str | None
) -> None:
    fill(catalog, MAX_SCAN + extra)
    looked_at: list[str] = []

    def none_of_them(record: Backup) -> bool:
        looked_at.append(record.id)
        return False

    page = catalog.find(Query(Backup, keep=none_of_them))

    assert page.items == ()
    assert page.next_before_id == cursor
    assert len(looked_at) == MAX_SCAN


def test_the_catalog_can_be_used_while_it_filters(catalog: Catalog) -> None:
    fill(catalog, 2)

    page = catalog.find(Query(Backup, keep=lambda b: catalog.get(Backup, b.id) == b))

    assert ids(page.items) == [2, 1]


# -- at once


def test_of_threads_that_insert_one_id_exactly_one_wins(catalog: Catalog) -> None:
    def insert(number: int) -> bool:
        try:
            catalog.commit([Insert(backup(1, f"p{number}"))])
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(insert, range(8)))

    assert won.count(True) == 1
    assert catalog.get(Backup, "B000001").project_id == f"p{won.index(True)}"


def test_no_increment_of_threads_is_lost(catalog: Catalog) -> None:
    catalog.commit([Insert(backup())])

    def count_up(_: int) -> None:
        while True:
            read = catalog.get(Backup, "B000001")
            try:
                catalog.commit([Replace(read.model_copy(update={"attempt": read.attempt + 1}))])
            except RevisionConflict:
                continue
            return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, range(20)))

    assert catalog.get(Backup, "B000001").attempt == 20


INSERT_ONE = """
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.record import Insert
from datetime import datetime, UTC
event = AuditEvent(id="E1", at=datetime.now(UTC), actor=str(me), action="race", subject_id="S")
made.commit([Insert(event)])
print("won")
"""

REPLACE_ONE = """
from chalicelib.domain.backup import Backup
from chalicelib.domain.record import Replace
read = Backup.model_validate_json({document!r})
made.commit([Replace(read.model_copy(update={{"name": str(me)}}))])
print("won")
"""


def test_of_processes_that_insert_one_id_exactly_one_wins(
    catalog: Catalog, catalog_source: str, race: Race
) -> None:
    answers = race(catalog_source, INSERT_ONE, count=5)

    assert sorted(answers) == ["Conflict"] * 4 + ["won"]
    assert catalog.get(AuditEvent, "E1").actor == str(answers.index("won"))


def test_of_processes_that_replace_one_revision_exactly_one_wins(
    catalog: Catalog, catalog_source: str, race: Race
) -> None:
    catalog.commit([Insert(backup())])
    document = catalog.get(Backup, "B000001").model_dump_json()

    answers = race(catalog_source, REPLACE_ONE.format(document=document), count=3)

    assert sorted(answers) == ["RevisionConflict"] * 2 + ["won"]
    assert catalog.get(Backup, "B000001").name == str(answers.index("won"))


def test_commits_of_one_process_are_seen_by_another(
    catalog: Catalog, catalog_source: str, race: Race
) -> None:
    race(catalog_source, INSERT_ONE, count=1)

    assert catalog.get(AuditEvent, "E1").action == "race"
