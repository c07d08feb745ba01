"""Promises of asking for, listing, changing, cancelling and deleting backups."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from chalicelib.domain.backup import Backup, BackupOptions, BackupType, Status
from chalicelib.domain.errors import Conflict, NotFound, Unsupported
from chalicelib.domain.record import Insert, Query
from chalicelib.services.backups import BackupChanges, BackupFilter, NewBackup
from chalicelib.services.links import NewLink
from tests.support.world import World


def test_a_request_is_pending_and_queued(world: World) -> None:
    backup = world.request()

    assert (backup.status, backup.revision, world.is_queued(backup)) == (Status.PENDING, 1, True)


def test_a_backup_without_a_name_is_named_after_project_type_and_time(world: World) -> None:
    assert world.request().name == "shop full 2026-03-01 12:00"


def test_a_backup_of_an_unknown_project_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.services.backups.request("key:1", NewBackup("01NONE", BackupOptions()))


def test_an_incremental_backup_is_unsupported_and_leaves_no_record(world: World) -> None:
    with pytest.raises(Unsupported):
        world.request(type="incremental")

    assert world.adapters.catalog.find(Query(Backup)).items == ()


def keyed(project_id: str, body: str = "b") -> NewBackup:
    return NewBackup(project_id, BackupOptions(), idempotency_key="once", body=body)


def test_the_same_request_five_times_at_once_is_one_backup(world: World) -> None:
    project = world.project()

    with ThreadPoolExecutor(5) as pool:
        requests = pool.map(
            lambda _: world.services.backups.request("key:1", keyed(project.id)), range(5)
        )
        ids = {backup.id for backup in requests}

    assert len(ids) == len(world.adapters.catalog.find(Query(Backup)).items) == 1


def test_the_same_key_with_another_body_is_a_conflict(world: World) -> None:
    project = world.project()
    world.services.backups.request("key:1", keyed(project.id))

    with pytest.raises(Conflict):
        world.services.backups.request("key:1", keyed(project.id, body="other"))


def test_the_same_key_of_another_caller_is_another_request(world: World) -> None:
    project = world.project()
    first = world.services.backups.request("key:1", keyed(project.id))

    assert world.services.backups.request("key:2", keyed(project.id)).id != first.id


def store_history(world: World, count: int) -> list[Backup]:
    """Store finished and failed backups of two projects, a minute apart, oldest first."""
    history = []
    for number in range(count):
        world.clock.turn(timedelta(minutes=1))
        backup = Backup(
            id=world.adapters.ids.new(),
            project_id=f"P{number % 2}",
            name=f"run {number}",
            status=Status.COMPLETED if number % 3 else Status.FAILED,
            options=BackupOptions(type=BackupType.FULL if number % 5 else BackupType.SCHEMA),
            requested_by="key:1",
            created_at=world.clock.now(),
        )
        world.adapters.catalog.commit([Insert(backup)])
        history.append(backup)
    return history


def listed(world: World, wanted: BackupFilter, limit: int = 7) -> list[str]:
    ids: list[str] = []
    before: str | None = None
    while True:
        page = world.services.backups.find(wanted, limit=limit, before_id=before)
        ids += [backup.id for backup in page.items]
        before = page.next_before_id
        if before is None:
            return ids


def test_pages_hold_every_backup_once_newest_first(world: World) -> None:
    history = store_history(world, 30)

    assert listed(world, BackupFilter()) == [backup.id for backup in reversed(history)]


@pytest.mark.parametrize(
    "wanted",
    [
        BackupFilter(project_id="P1"),
        BackupFilter(status=Status.FAILED),
        BackupFilter(type=BackupType.SCHEMA),
        BackupFilter(project_id="P0", status=Status.FAILED),
        BackupFilter(text="RUN 1"),
        BackupFilter(projects=("P0",)),
        BackupFilter(projects=()),
    ],
    ids=str,
)
def test_filters_keep_exactly_what_they_say(world: World, wanted: BackupFilter) -> None:
    history = store_history(world, 30)

    expected = [
        backup.id
        for backup in reversed(history)
        if wanted.project_id in {None, backup.project_id}
        and wanted.status in {None, backup.status}
        and wanted.type in {None, backup.options.type}
        and (wanted.text is None or wanted.text.lower() in backup.name)
        and (wanted.projects is None or backup.project_id in wanted.projects)
    ]
    assert listed(world, wanted) == expected


def test_since_includes_and_until_excludes(world: World) -> None:
    history = store_history(world, 10)
    wanted = BackupFilter(since=history[3].created_at, until=history[6].created_at)

    assert listed(world, wanted) == [history[5].id, history[4].id, history[3].id]


def test_changes_touch_only_what_is_named(world: World) -> None:
    backup = world.request()

    after = world.services.backups.update("key:1", backup.id, BackupChanges(description="why"))

    assert (after.description, after.name, after.revision) == ("why", backup.name, 2)


def test_cancelling_a_pending_backup_takes_it_off_the_queue(world: World) -> None:
    backup = world.request()

    after = world.services.backups.cancel("key:1", backup.id)

    assert (after.status, world.is_queued(backup)) == (Status.CANCELLED, False)


def test_cancelling_twice_is_a_conflict(world: World) -> None:
    backup = world.request()
    world.services.backups.cancel("key:1", backup.id)

    with pytest.raises(Conflict):
        world.services.backups.cancel("key:1", backup.id)


def test_deleting_removes_objects_record_and_progress(world: World) -> None:
    done = world.run(world.request())

    world.services.backups.delete("key:1", done.id)

    assert world.leftovers() == []
    with pytest.raises(NotFound):
        world.services.backups.progress(done.id)


def test_deleting_a_running_backup_is_a_conflict(world: World) -> None:
    with pytest.raises(Conflict, match="still running"):
        world.services.backups.delete("key:1", world.request().id)


def test_deleting_a_locked_backup_is_a_conflict_and_keeps_it_whole(world: World) -> None:
    done = world.run(world.request())
    world.services.backups.update("key:1", done.id, BackupChanges(locked=True))

    with pytest.raises(Conflict, match="locked"):
        world.services.backups.delete("key:1", done.id)

    assert len(world.leftovers()) == 3


def test_deleting_ends_the_backups_links(world: World) -> None:
    done = world.run(world.request())
    _, token = world.services.links.create("key:1", done, NewLink())
    world.services.backups.delete("key:1", done.id)

    with pytest.raises(NotFound):
        world.services.link_signer.redeem(token)
