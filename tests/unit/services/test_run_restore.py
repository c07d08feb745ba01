"""Promises of a restore's run over real embedded adapters and a scripted restorer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.signer import FileSigner
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import NotFound, SourceLost
from chalicelib.domain.manifest import SignedManifest, digest, parse_envelope
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.proof import Difference
from chalicelib.domain.record import Query, Remove, Replace
from chalicelib.domain.restore import (
    Comparison,
    Note,
    Restore,
    RestoreReport,
    TargetState,
)
from chalicelib.postgres_ports import Watch
from tests.support.world import DUMP, World

TARGET = Connection(Endpoint(host="db.example.org", database="copy"), "canary-77aa")


def object_file(world: World, key: str) -> Path:
    (found,) = (world.services.settings.data / "objects").rglob(key.rpartition("/")[2])
    return found


def code_of(restore: Restore) -> str:
    return restore.error.code if restore.error else ""


def test_a_restore_gets_the_bytes_of_the_backup_and_completes(world: World) -> None:
    restore = world.run_restore(world.request_restore(world.completed()))

    assert (restore.status, restore.target_state) == (Status.COMPLETED, TargetState.RESTORED)
    assert world.restorer.read == [DUMP]
    assert restore.report.comparison is not None
    assert restore.report.comparison.rows == 42


def test_what_was_counted_in_the_dumps_snapshot_is_what_is_compared(world: World) -> None:
    world.run_restore(world.request_restore(world.completed()))

    (request,) = world.restorer.requests
    assert request.source.counts is not None
    assert (request.source.counts.rows, request.source.is_ours) == (42, True)


@pytest.mark.parametrize(("kind", "has_schema"), [("full", False), ("data", True)])
def test_the_reports_of_a_proof_are_not_taken_for_definitions(
    world: World, kind: str, *, has_schema: bool
) -> None:
    world.run_restore(world.request_restore(world.completed(type=kind, verification="proof")))

    (request,) = world.restorer.requests
    assert (request.source.schema is not None) is has_schema


def test_nothing_is_left_in_scratch(world: World) -> None:
    world.run_restore(world.request_restore(world.completed()))

    assert list(world.adapters.scratch.iterdir()) == []


def test_every_move_is_audited(world: World) -> None:
    restore = world.run_restore(world.request_restore(world.completed()))

    found = world.adapters.catalog.find(Query(AuditEvent, index=("subject_id", restore.id)))
    actions = [event.action for event in reversed(found.items)]
    assert actions == ["restore.requested", "restore.started", "restore.completed"]


def test_a_target_of_its_own_is_reached_with_its_password_which_is_then_forgotten(
    world: World,
) -> None:
    restore = world.run_restore(world.request_restore(world.completed(), TARGET))

    assert world.restorer.requests[0].connection == TARGET
    assert restore.chore is None
    with pytest.raises(NotFound):
        world.adapters.secrets.get(restore.secret_name)


def test_refused_objects_fail_the_restore_and_name_the_first(world: World) -> None:
    note = Note(what="TABLE public orders", message="permission denied", advice="Be the owner.")
    world.restorer.report = RestoreReport(errors=(note,), errors_total=3)

    restore = world.run_restore(world.request_restore(world.completed()))

    assert (restore.status, code_of(restore)) == (Status.FAILED, "restore_failed")
    assert restore.error is not None
    assert "TABLE public orders: permission denied" in restore.error.message
    assert restore.report.errors == (note,)
    assert restore.target_state is TargetState.PARTIAL


def test_rows_that_differ_fail_the_restore_and_name_the_table(world: World) -> None:
    differs = Difference(what="rows of table public.orders", expected="42", found="41")
    world.restorer.report = RestoreReport(
        comparison=Comparison(tables=1, differences=(differs,), differences_total=1)
    )

    restore = world.run_restore(world.request_restore(world.completed()))

    assert code_of(restore) == "integrity_failed"
    assert restore.error is not None
    assert "rows of table public.orders is 41, expected 42" in restore.error.message


def test_a_lost_connection_leaves_a_partial_target_that_is_called_so(world: World) -> None:
    def lose(watch: Watch) -> None:
        raise SourceLost("the target ended the session")

    world.restorer.during = lose

    restore = world.run_restore(world.request_restore(world.completed()))

    assert (code_of(restore), restore.target_state) == ("source_lost", TargetState.PARTIAL)
    assert restore.error is not None
    assert restore.error.message.endswith("the target is partially restored")


def test_a_running_restore_is_cancelled_at_its_next_look(world: World) -> None:
    restore = world.request_restore(world.completed())

    def cancel() -> None:
        world.services.restores.cancel("key:1", restore.id)
        world.clock.turn(timedelta(seconds=1))

    world.restorer.looking = cancel
    ended = world.run_restore(restore)

    assert (ended.status, ended.target_state) == (Status.CANCELLED, TargetState.UNTOUCHED)


# -- trust: nothing is touched unless every byte is ours -------------------------------------


def flip(world: World, backup: Backup) -> None:
    path = object_file(world, artefact_key(backup, "database.dump"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(world: World, backup: Backup) -> None:
    path = object_file(world, artefact_key(backup, "database.dump"))
    path.write_bytes(path.read_bytes()[:-1])


def lose(world: World, backup: Backup) -> None:
    world.adapters.store.delete(artefact_key(backup, "database.dump"))


def edit_manifest(world: World, backup: Backup) -> None:
    path = object_file(world, artefact_key(backup, "manifest.json"))
    path.write_bytes(path.read_bytes().replace(b"42", b"43", 1))


def edit_manifest_and_record(world: World, backup: Backup) -> None:
    path = object_file(world, artefact_key(backup, "manifest.json"))
    signed = parse_envelope(path.read_bytes())
    edited = signed.model_copy(update={"payload": signed.payload.replace("42", "43")})
    _seal(world, backup, edited, path)


def sign_with_another_key(world: World, backup: Backup) -> None:
    path = object_file(world, artefact_key(backup, "manifest.json"))
    signed = parse_envelope(path.read_bytes())
    stranger = FileSigner(path.with_name("stranger.key"))
    forged = SignedManifest(
        payload=signed.payload, signature=stranger.sign(signed.payload.encode())
    )
    _seal(world, backup, forged, path)


def _seal(world: World, backup: Backup, signed: SignedManifest, path: Path) -> None:
    path.write_bytes(signed.to_bytes())
    found = world.backup(backup)
    named = found.model_copy(update={"manifest_sha256": digest(signed.to_bytes())})
    world.adapters.catalog.commit([Replace(named)])


@pytest.mark.parametrize(
    "spoil",
    [flip, cut, lose, edit_manifest, edit_manifest_and_record, sign_with_another_key],
)
def test_a_backup_that_is_not_as_sealed_never_reaches_the_target(
    world: World, spoil: Callable[[World, Backup], None]
) -> None:
    backup = world.completed()
    spoil(world, backup)

    restore = world.run_restore(world.request_restore(backup))

    assert (restore.status, code_of(restore)) == (Status.FAILED, "integrity_failed")
    assert (world.restorer.requests, restore.target_state) == ([], TargetState.UNTOUCHED)


def test_another_backups_archive_in_its_place_never_reaches_the_target(world: World) -> None:
    backup = world.completed()
    world.engine.content = bytes(reversed(DUMP))
    other = world.completed()
    store = world.services.settings.data / "objects"
    mine, others = (next(store.rglob(f"{one.id}/*/database.dump")) for one in (backup, other))
    mine.write_bytes(others.read_bytes())

    restore = world.run_restore(world.request_restore(backup))

    assert (code_of(restore), world.restorer.requests) == ("integrity_failed", [])


def test_another_backups_seal_and_archive_in_its_place_are_refused(world: World) -> None:
    backup, other = world.completed(), world.completed()
    store = world.services.settings.data / "objects"
    for name in ("database.dump", "manifest.json"):
        mine, others = (next(store.rglob(f"{one.id}/*/{name}")) for one in (backup, other))
        mine.write_bytes(others.read_bytes())

    restore = world.run_restore(world.request_restore(backup))

    assert (code_of(restore), world.restorer.requests) == ("integrity_failed", [])


def test_no_password_is_in_any_record(world: World) -> None:
    restore = world.run_restore(world.request_restore(world.completed(), TARGET))

    assert "canary" not in json.dumps(restore.model_dump(mode="json"))


def test_a_target_project_that_was_deleted_meanwhile_is_told_as_that(world: World) -> None:
    target = world.project("target")
    restore = world.request_restore(world.completed(), target.id)
    world.services.projects.delete("key:1", target.id)

    ended = world.run_restore(restore)

    assert (ended.status, code_of(ended)) == (Status.FAILED, "conflict")
    assert ended.target_state is TargetState.UNTOUCHED
    assert ended.error is not None
    assert "deleted meanwhile" in ended.error.message


def test_a_backup_that_was_deleted_meanwhile_is_told_as_that(world: World) -> None:
    backup = world.completed()
    restore = world.request_restore(backup)
    world.adapters.catalog.commit([Remove(world.backup(backup))])

    ended = world.run_restore(restore)

    assert code_of(ended) == "conflict"
    assert ended.error is not None
    assert "the backup was deleted" in ended.error.message
