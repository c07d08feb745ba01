"""The checker is believed only because it finds what is planted for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.record import Replace
from chalicelib.engine.connection import SessionOptions, open_session
from tests.faults.at_rest import DirectoryVandal
from tests.faults.cells import COMPLETED, Finding, Trial, ends
from tests.faults.checker import restore_differs, violations
from tests.faults.stand import Stand
from tests.support.dumping import execute

pytestmark = pytest.mark.postgres


@pytest.fixture
def done(embedded: Stand) -> Iterator[Backup]:
    """A backup that went well; gone afterwards."""
    backup = embedded.stack.request(embedded.source)
    embedded.run(backup)
    yield embedded.record(backup)
    embedded.forget(backup)


def found(stand: Stand, backup: Backup, allowed: frozenset[str] = COMPLETED) -> str:
    return "\n".join(map(str, judged(stand, backup, allowed)))


def judged(stand: Stand, backup: Backup, allowed: frozenset[str] = COMPLETED) -> list[Finding]:
    return list(violations(stand, Trial(backup, allowed), took_s=1.0, within_s=2.0))


def rewrite(stand: Stand, backup: Backup, **changes: object) -> None:
    record = stand.record(backup)
    stand.services.adapters.catalog.commit([Replace(record.model_copy(update=changes))])


def test_a_good_backup_passes(embedded: Stand, done: Backup) -> None:
    assert found(embedded, done) == ""
    assert list(restore_differs(embedded, done)) == []


def test_another_end_than_expected_is_found(embedded: Stand, done: Backup) -> None:
    rewrite(embedded, done, status=Status.FAILED)

    said = judged(embedded, done, ends("source_lost"))

    assert Finding("ended as failed, not as source_lost") in said


def test_success_where_none_is_allowed_is_a_false_success(embedded: Stand, done: Backup) -> None:
    said = found(embedded, done, ends("source_lost"))

    assert said == "FALSE SUCCESS: ended as completed, not as source_lost"


def test_a_run_that_took_too_long_is_found(embedded: Stand, done: Backup) -> None:
    slow = violations(embedded, Trial(done, COMPLETED), took_s=9.0, within_s=2.0)

    assert list(slow) == [Finding("took 9.0 s")]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("database.dump", lambda data: data[:-7]),
        ("database.dump", lambda data: b""),
        ("manifest.json", lambda data: data + b" "),
    ],
)
def test_a_completed_backup_whose_bytes_are_not_those_is_a_false_success(
    embedded: Stand, done: Backup, name: str, damage: Callable[[bytes], bytes]
) -> None:
    key = artefact_key(done, name)
    data = b"".join(embedded.services.adapters.store.read(key))
    DirectoryVandal(embedded).put(key, damage(data))

    assert "FALSE SUCCESS" in found(embedded, done)


def test_a_completed_backup_that_was_never_validated_is_a_false_success(
    embedded: Stand, done: Backup
) -> None:
    rewrite(embedded, done, validated=False)

    assert "FALSE SUCCESS: completed, and never validated" in found(embedded, done)


def test_objects_and_uploads_of_a_failed_backup_are_found(embedded: Stand, done: Backup) -> None:
    store = embedded.services.adapters.store
    rewrite(embedded, done, status=Status.FAILED)
    upload = store.begin(artefact_key(done, "late.dump"), content_type="x/y")

    said = found(embedded, done, ends("failed"))

    store.abort(upload)
    assert "objects: ['RECOVERY.md', 'database.dump', 'manifest.json']" in said
    assert "uploads under way: 1" in said


def test_a_session_that_stays_is_found(embedded: Stand, done: Backup) -> None:
    session = open_session(embedded.source, SessionOptions("holdfast of a test", 1.0))

    said = found(replace(embedded, patience_s=0.3), done)

    session.close()
    assert said == "sessions of ours are open on the server"


def test_a_file_left_in_scratch_is_found_once(embedded: Stand, done: Backup) -> None:
    (embedded.scratch / "pgpass").touch()

    assert found(embedded, done) == "files left in scratch: ['pgpass']"
    assert found(embedded, done) == ""


def test_harm_to_the_previous_backup_is_found(embedded: Stand, done: Backup) -> None:
    assert embedded.keeper is not None
    other = replace(embedded, keeper=done, kept=embedded.objects(done))
    rewrite(embedded, done, description="changed")
    DirectoryVandal(embedded).remove(artefact_key(done, "RECOVERY.md"))

    said = found(other, done)

    assert "the record of the previous backup changed" in said
    assert "the objects of the previous backup changed" in said


def test_other_rows_than_those_of_the_source_are_a_false_success(
    embedded: Stand, done: Backup
) -> None:
    execute(embedded.source, "UPDATE people SET name = 'x' WHERE id = 7")
    try:
        assert list(restore_differs(embedded, done)) == [
            Finding("the restored rows are not those of the source", is_false_success=True)
        ]
    finally:
        execute(embedded.source, "UPDATE people SET name = md5('7') WHERE id = 7")


def test_a_restore_that_stops_is_a_false_success(embedded: Stand, done: Backup) -> None:
    data = b"".join(embedded.services.adapters.store.read(done.artefacts[0].key))
    DirectoryVandal(embedded).put(done.artefacts[0].key, data[:-900])

    (finding,) = restore_differs(embedded, done)

    assert finding.is_false_success
    assert finding.says.startswith("pg_restore said: ")
