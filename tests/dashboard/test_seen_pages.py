"""Every page that has a picture, in a real browser: nobody is kept out, nothing is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.backup import Asked, Backup, BackupOptions
from chalicelib.domain.connection import Connection
from chalicelib.domain.restore import RestoreOptions
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.local.postgres import LocalPostgres
from chalicelib.local.sample_data import load
from chalicelib.services.backups import NewBackup
from chalicelib.services.projects import NewProject
from chalicelib.services.restores import NewRestore
from chalicelib.services.schedules import NewSchedule
from chalicelib.settings import Settings
from tests.screenshots.camera import LOOKS, Look, Viewers
from tests.screenshots.camera import viewers as viewers_of
from tests.screenshots.shots import SHOTS
from tests.screenshots.stage import ACTOR, Cast, Stage, furnished
from tests.support.chromium import barriers, chromium, watched
from tests.support.completed import stored_backup

SEEN = [look for look in LOOKS if look.name != "light"]
"""In the dark on a desk, in the light on a phone."""

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(400)]


def _service(data: Path) -> Services:
    return embedded(
        Settings(data=data, requests_per_minute=0, starts_per_minute=0, strangers_per_minute=0)
    )


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return _service(tmp_path / "data")


@pytest.fixture
def connection(
    database: Callable[..., Connection], postgres18: LocalPostgres
) -> Callable[[], Connection]:
    return lambda: database(postgres18)


def _proven(services: Services, project_id: str) -> Backup:
    options = BackupOptions(verification=Asked.PROOF)
    asked = services.backups.request(ACTOR, NewBackup(project_id, options, "the first"))
    services.backup_runner(ACTOR).run(asked.id)
    return services.backups.get(asked.id)


@pytest.fixture
def cast(
    services: Services, connection: Callable[[], Connection], postgres18: LocalPostgres
) -> Cast:
    source, target = connection(), connection()
    with psycopg.connect(postgres18.url(source.endpoint.database), autocommit=True) as session:
        load(session, 1)
    kept = RetentionPolicy(keep_last=2, daily=7)
    shop = services.projects.create(ACTOR, NewProject("Shop", source, {}, retention=kept))
    staging = services.projects.create(ACTOR, NewProject("Staging", target, {}))
    schedule = services.schedules.create(ACTOR, NewSchedule("nightly", "30 2 * * *", shop.id))
    other = stored_backup(services, shop)
    proven = _proven(services, shop.id)
    restore = services.restores.request(ACTOR, NewRestore(proven.id, staging.id, RestoreOptions()))
    services.restore_runner(ACTOR).run(restore.id)
    return Cast(shop, schedule, proven, other, restore)


@pytest.fixture
def viewers(services: Services, cast: Cast, tmp_path: Path) -> Iterator[Viewers]:
    empty = Stage(_service(tmp_path / "empty"), {})
    with (
        chromium() as browser,
        furnished(services, cast) as stage,
        viewers_of(browser, stage, empty) as found,
    ):
        troubles = [watched(viewer.page) for viewer in found.values()]
        yield found
    assert not any(troubles)


@pytest.mark.parametrize("look", SEEN, ids=lambda look: look.name)
def test_no_page_keeps_anybody_out(viewers: Viewers, look: Look) -> None:
    for viewer in viewers.values():
        look.dress(viewer.page)

    for shot in SHOTS:
        page = viewers[shot.eyes].show(shot)

        assert barriers(page) == [], shot.name
        assert page.evaluate("document.documentElement.scrollWidth") <= look.size[0], shot.name
