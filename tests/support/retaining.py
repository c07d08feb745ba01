"""Projects under a policy, with backups of past days whose objects are really stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from ulid import ULID

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Chore, Status
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Query, Replace, Write
from chalicelib.domain.retention.facts import Freeze
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.services.projects import ProjectChanges
from chalicelib.services.retention.preview import Asked
from chalicelib.services.retention.rounds import EVERY
from chalicelib.services.sweeper import SweepReport
from tests.support import meddling
from tests.support.world import World

NAMES = ("database.dump", "RECOVERY.md", "manifest.json")


def keeping(world: World, **said: Any) -> Project:
    """Return a project with this policy."""
    policy = RetentionPolicy.model_validate({"min_keep": 1, **said})
    changes = ProjectChanges(retention=policy)
    return world.services.projects.update("key:1", world.project().id, changes)


def past(world: World, project: Project, days_ago: float, **changes: Any) -> Backup:
    """Store a validated backup of so many days ago, objects and all; return its record."""
    at = world.clock.now() - timedelta(days=days_ago)
    backup = Backup(
        id=str(ULID.from_datetime(at)),
        project_id=project.id,
        name=f"{days_ago:g} days ago",
        requested_by="key:1",
        created_at=at,
        status=Status.COMPLETED,
        validated=True,
        attempt=1,
        stored_bytes=1000,
        rows=100,
    ).model_copy(update=changes)
    if backup.status is Status.COMPLETED:
        for name in NAMES:
            world.adapters.store.put(artefact_key(backup, name), b"x", content_type="text/plain")
    world.adapters.catalog.commit([Insert(backup)])
    return backup.model_copy(update={"revision": 1})


def daily(world: World, project: Project, days: Iterable[int], **changes: Any) -> list[Backup]:
    """Store a backup for each of these days ago."""
    return [past(world, project, day, **changes) for day in days]


def ages(world: World) -> list[str]:
    """Return which backups are there and not going away, newest first."""
    found = world.adapters.catalog.find(Query(Backup, limit=1000)).items
    return [one.name.partition(" ")[0] for one in found if one.chore is not Chore.DELETE]


def next_round(world: World, services: Services | None = None) -> SweepReport:
    """Sweep when the next round is due."""
    world.clock.turn(EVERY)
    return (services or world.services).sweeper.sweep()


def freezes(world: World, project: Project) -> tuple[Freeze, ...]:
    """Return why retention of a project is frozen now."""
    asked = Asked(world.services.projects.get(project.id))
    return world.services.retention.preview(asked, limit=1, before_id=None).survey.frozen


def change(world: World, backup: Backup, **changes: Any) -> None:
    """Change a stored backup behind everybody's back."""
    found = world.backup(backup)
    world.adapters.catalog.commit([Replace(found.model_copy(update=changes))])


def meddled(world: World, act: Callable[[], object]) -> Services:
    """Return services among which `act` happens between the last look and the removal."""
    return meddling.meddled(world.services, act, _mark)


def _mark(writes: Sequence[Write]) -> bool:
    backups = [write.record for write in writes if isinstance(write.record, Backup)]
    return any(backup.chore is Chore.DELETE for backup in backups)
