"""Retention at work: what goes, when, under which policy, and what is told of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.audit import AuditEvent, Notice
from chalicelib.domain.backup import Status
from chalicelib.domain.errors import StorageFailed
from chalicelib.domain.project import Project
from chalicelib.domain.record import Put, Query, Record
from chalicelib.domain.retention.outlines import BackupOutline, ScheduleOutline, TagOutline
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.retention.state import ROUND_ID, RetentionRound, RetentionState
from chalicelib.domain.schedule import Schedule
from chalicelib.services.projects import ProjectChanges
from chalicelib.services.retention.rounds import MOST_S
from chalicelib.services.retention.scopes import scopes_of
from tests.support.retaining import ages, change, daily, freezes, keeping, next_round, past
from tests.support.world import World


def events(world: World, action: str) -> list[AuditEvent]:
    found = world.adapters.catalog.find(Query(AuditEvent, limit=1000)).items
    return [event for event in found if event.action == action]


def notices(world: World) -> list[Notice]:
    found = world.adapters.catalog.find(Query(Notice, limit=1000)).items
    return [notice for notice in found if notice.event == "retention.frozen"]


def test_what_no_rule_keeps_goes_with_all_its_objects(world: World) -> None:
    project = keeping(world, keep_last=2)
    kept = daily(world, project, (1, 2))
    daily(world, project, (3, 4, 5))

    report = world.services.sweeper.sweep()

    assert (report.deleted, ages(world)) == (3, ["1", "2"])
    assert {key.split("/")[3] for key in world.leftovers()} == {one.id for one in kept}


def test_a_removal_is_audited_with_its_reasons(world: World) -> None:
    project = keeping(world, keep_last=1)
    _, old = daily(world, project, (1, 2))

    world.services.sweeper.sweep()

    [event] = events(world, "backup.deleted")
    assert (event.actor, event.subject_id) == ("retention", old.id)
    assert event.details["reasons"] == "no-rule-keeps-it"


def test_without_a_policy_nothing_goes(world: World) -> None:
    daily(world, world.project(), range(1, 20))

    assert world.services.sweeper.sweep().deleted == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"locked": True},
        {"hold_until": datetime(2100, 1, 1, tzinfo=UTC)},
        {"status": Status.IN_PROGRESS, "validated": False},
    ],
)
def test_what_is_protected_stays(world: World, changes: dict[str, Any]) -> None:
    project = keeping(world, keep_last=1)
    past(world, project, 9, **changes)
    past(world, project, 1)

    world.services.sweeper.retention.sweep()

    assert ages(world) == ["1", "9"]


def test_failed_records_go_by_a_rule_of_their_own(world: World) -> None:
    project = keeping(world, keep_last=1, keep_failed_days=5, freeze_after_failures=None)
    daily(world, project, (2, 9), status=Status.FAILED, validated=False)
    past(world, project, 1)

    world.services.sweeper.sweep()

    assert ages(world) == ["1", "2"]


def test_a_round_comes_by_the_hour_and_not_with_every_sweep(world: World) -> None:
    project = keeping(world, keep_last=1)
    world.services.sweeper.sweep()
    daily(world, project, (1, 2))

    early = world.services.sweeper.sweep()
    due = next_round(world)

    assert (early.deleted, due.deleted) == (0, 1)


def test_a_round_that_a_wrong_clock_planned_is_not_waited_for(world: World) -> None:
    project = keeping(world, keep_last=1)
    daily(world, project, (1, 2))
    far = world.clock.now() + timedelta(days=4000)
    world.adapters.catalog.commit([Put(RetentionRound(id=ROUND_ID, due_at=far))])

    assert world.services.sweeper.sweep().deleted == 1


def test_a_round_that_takes_long_goes_on_with_the_next_sweep(world: World) -> None:
    for _ in range(3):
        daily(world, keeping(world, keep_last=1), (1, 2))
    store: Any = Slow(world)
    slow = Services(world.services.settings, replace(world.adapters, store=store))

    sweeps = [slow.sweeper.sweep().deleted for _ in range(4)]

    assert sweeps == [1, 1, 1, 0]


class Slow:
    """A store that takes its time to delete."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.adapters.store, name)

    def delete(self, key: str) -> None:
        self._world.clock.turn(timedelta(seconds=MOST_S / 2))
        self._world.adapters.store.delete(key)


def test_a_freeze_is_told_once_and_its_end_is_remembered(world: World) -> None:
    project = keeping(world, keep_last=1)
    bad = daily(world, project, (1, 2, 3), status=Status.FAILED, validated=False)
    daily(world, project, (4, 5))

    for _ in range(3):
        next_round(world)
    told = notices(world)
    change(world, bad[0], status=Status.COMPLETED, validated=True, stored_bytes=1000, rows=100)
    next_round(world)

    assert [notice.body["reasons"] for notice in told] == ["last-runs-failed"]
    assert "the last 3 runs failed" in told[0].body["message"]
    assert len(events(world, "retention.frozen")) == len(events(world, "retention.thawed")) == 1
    assert ages(world) == ["1", "2", "3"]


def test_the_notice_of_a_freeze_is_delivered(world: World) -> None:
    project = keeping(world, keep_last=1)
    daily(world, project, (1, 2, 3), status=Status.FAILED, validated=False)

    world.services.sweeper.sweep()

    told = [json.loads(line)["event"] for line in world.notices.splitlines()]
    assert told == ["retention.frozen"]


def test_acceptance_thaws_what_shrank(world: World) -> None:
    project = keeping(world, keep_last=1)
    past(world, project, 1, rows=10)
    daily(world, project, (2, 3))
    next_round(world)
    frozen = freezes(world, project)

    world.services.retention.accept("key:1", project)
    next_round(world)

    assert [freeze.reason for freeze in frozen] == ["rows-shrank"]
    assert ages(world) == ["1"]
    assert events(world, "retention.accepted")[0].actor == "key:1"


def test_a_mass_is_held_back_until_the_policy_changes_or_a_person_accepts(world: World) -> None:
    project = keeping(world, keep_days=30)
    daily(world, project, range(1, 20))
    next_round(world)
    world.clock.turn(timedelta(days=300))
    past(world, project, 0)

    next_round(world)
    held = len(ages(world))
    world.services.retention.accept("key:1", project)
    next_round(world)

    assert (held, len(ages(world))) == (20, 1)


def test_a_budget_that_cannot_be_met_is_remembered(world: World) -> None:
    project = keeping(world, size_budget_bytes=1500)
    daily(world, project, (1, 2), locked=True)

    world.services.sweeper.sweep()

    state = world.adapters.catalog.get(RetentionState, project.id)
    assert state.scope(project.id).over_budget_bytes == 500


def test_trouble_with_one_project_does_not_keep_the_others(world: World) -> None:
    sound, broken = (keeping(world, keep_last=1) for _ in range(2))
    daily(world, sound, (1, 2))
    catalog: Any = Forgetful(world.adapters.catalog, broken.id)
    services = Services(world.services.settings, replace(world.adapters, catalog=catalog))

    report = services.sweeper.sweep()

    assert report.deleted == 1
    assert report.problems == [f"retention of {broken.id}: storage_failed: it cannot be read"]


class Forgetful:
    """A catalog that cannot read what retention remembers of one project."""

    def __init__(self, inner: Any, lost: str) -> None:
        self._inner = inner
        self._lost = lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def get(self, kind: type[Record], record_id: str) -> Record:
        if kind is RetentionState and record_id == self._lost:
            raise StorageFailed("it cannot be read")
        found: Record = self._inner.get(kind, record_id)
        return found


# -- which policy holds ----------------------------------------------------------------------------


def schedule(project: Project, **changes: Any) -> ScheduleOutline:
    plain = ScheduleOutline(id="nightly", project_id=project.id, timezone="Europe/Berlin")
    return plain.model_copy(update=changes)


def outline(world: World, schedule_id: str | None) -> BackupOutline:
    return BackupOutline(
        id="1", project_id="p", created_at=world.clock.now(), schedule_id=schedule_id
    )


def test_the_policy_of_a_schedule_wins_for_its_own_backups(world: World) -> None:
    project = keeping(world, keep_last=1)
    own = schedule(project, retention=RetentionPolicy(keep_last=9))

    scopes = scopes_of(project, (own,))

    by_schedule, by_hand = (scopes.of(outline(world, made_by)) for made_by in ("nightly", None))
    assert by_schedule is not None
    assert by_hand is not None
    assert (by_schedule.id, str(by_schedule.timezone)) == ("nightly", "Europe/Berlin")
    assert (by_hand.id, str(by_hand.timezone)) == (project.id, "UTC")


def test_backups_of_a_schedule_that_is_gone_are_the_projects(world: World) -> None:
    project = keeping(world, keep_last=1)

    scope = scopes_of(project, ()).of(outline(world, "gone"))

    assert scope is not None
    assert scope.id == project.id


def test_a_policy_names_its_own_zone(world: World) -> None:
    project = keeping(world, daily=1, timezone="Asia/Tokyo")

    [scope] = scopes_of(project, ()).all

    assert str(scope.timezone) == "Asia/Tokyo"


@pytest.mark.parametrize(("tags", "count"), [({"team": "web"}, 1), ({"team": "data"}, 0), ({}, 0)])
def test_a_schedule_by_tag_is_for_projects_that_carry_it(
    world: World, tags: dict[str, str], count: int
) -> None:
    project = world.services.projects.update("key:1", world.project().id, ProjectChanges(tags=tags))
    by_tag = schedule(project, project_tag=TagOutline(name="team", value="web"), project_id=None)
    said = by_tag.model_copy(update={"retention": RetentionPolicy()})

    assert len(scopes_of(project, (said,)).all) == count


def test_a_sweep_between_rounds_costs_one_read_however_many_backups(world: World) -> None:
    project = keeping(world, keep_days=90)
    daily(world, project, range(1, 20))
    next_round(world)
    counted: Any = Counted(world.adapters.catalog)
    services = Services(world.services.settings, replace(world.adapters, catalog=counted))

    services.sweeper.retention.sweep()

    assert counted.calls == {"get": 1}


class Counted:
    """A catalog that counts what is asked of it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._inner, name)


def test_backups_of_a_real_schedule_follow_its_policy_and_others_the_projects(
    world: World,
) -> None:
    project = keeping(world, keep_last=1)
    now = world.clock.now()
    nightly = Schedule(
        id="nightly",
        name="nightly",
        project_id=project.id,
        cron="0 3 * * *",
        retention=RetentionPolicy(keep_last=2, min_keep=1),
        created_at=now,
        updated_at=now,
    )
    world.adapters.catalog.commit([Put(nightly)])
    daily(world, project, (1, 2, 3, 4), schedule_id="nightly")
    daily(world, project, (5, 6, 7))

    world.services.sweeper.retention.sweep()

    assert ages(world) == ["1", "2", "5"]
