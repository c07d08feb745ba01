"""The demo's history: made by the service's own code, and never over what is real."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.bootstrap.services import embedded
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import Conflict
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.domain.schedule import Schedule
from chalicelib.local.demo_up import Listener, demo_data
from chalicelib.services.projects import NewProject
from chalicelib.settings import Settings

TWO_DAYS = timedelta(days=2)


def _go_on() -> None:
    """Be asked whether to go on."""


LISTENER = Listener(lambda text: None, _go_on)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def test_a_folder_with_real_projects_is_refused_and_left_alone(settings: Settings) -> None:
    services = embedded(settings)
    connection = Connection(Endpoint(host="db.example.org"), "s3cret")
    services.projects.create("me", NewProject("mine", connection, {}))

    with pytest.raises(Conflict, match="no demo's"), demo_data(settings, LISTENER):
        pass

    assert not embedded(settings).is_demo


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.embedded_only
def test_days_are_lived_through_by_the_services_own_code(settings: Settings) -> None:
    with demo_data(settings, LISTENER, TWO_DAYS):
        services = embedded(settings)
        backups = services.ledger.catalog.find(Query(Backup)).items
        schedules = services.ledger.catalog.find(Query(Schedule)).items

    now = datetime.now(UTC)
    assert services.is_demo
    assert Counter(one.status for one in backups) == {Status.COMPLETED: len(backups)}
    assert len(backups) >= 4
    assert all(now - TWO_DAYS - timedelta(minutes=5) < one.created_at < now for one in backups)
    assert all(one.validated for one in backups)
    assert all(one.next is not None and one.next.due_at > now for one in schedules)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.embedded_only
def test_the_second_start_leads_to_the_databases_of_that_start(settings: Settings) -> None:
    with demo_data(settings, LISTENER, timedelta(hours=1)):
        first = embedded(settings).ledger.catalog.find(Query(Backup)).items

    with demo_data(settings, LISTENER, timedelta(hours=1)):
        services = embedded(settings)
        for project in services.projects.find(Query(Project)).items:
            connection = services.projects.connection(project.id)
            report = services.adapters.engine().test(connection)

            assert report.problems == ()
        assert services.ledger.catalog.find(Query(Backup)).items == first
