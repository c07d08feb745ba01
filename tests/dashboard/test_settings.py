"""The page about the service itself: what it says of its health, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.demo_mark import DEMO, DemoMark
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Put
from chalicelib.domain.sweep_state import SWEEPER, SweepState
from tests.dashboard.conftest import Browser

PAGE = "/dashboard/settings"


@pytest.mark.parametrize(
    ("age_min", "problems", "verdict"), [(1, 0, "ok"), (1, 2, "warning"), (30, 0, "missing")]
)
def test_the_sweeper_is_judged_by_its_last_run(
    services: Services, browser: Browser, age_min: int, problems: int, verdict: str
) -> None:
    at = services.ledger.clock.now() - timedelta(minutes=age_min)
    services.ledger.catalog.commit([Put(SweepState(id=SWEEPER, at=at, problems=problems))])

    row = browser.see(PAGE).partition(">sweeper<")[0].rpartition("<tr>")[2]

    assert f">{verdict}<" in row


def test_the_doctors_findings_are_there(browser: Browser) -> None:
    seen = browser.see(PAGE)

    assert "postgresql clients" in seen
    assert "data folder" in seen
    assert "it has not run yet" in seen


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
def test_who_does_not_look_after_the_service_sees_only_who_they_are(
    browser_for: Callable[..., Browser], project: Project, role: Role
) -> None:
    seen = browser_for(role, (project.id,)).see(PAGE)

    assert role.value in seen
    assert "1 projects" in seen
    assert "data folder" not in seen
    assert "/dashboard/keys" not in seen


def test_demo_data_is_called_so_on_every_page(services: Services, browser: Browser) -> None:
    before = browser.see("/dashboard/projects")
    del services.__dict__["is_demo"]
    mark = DemoMark(id=DEMO, made_at=services.ledger.clock.now())
    services.ledger.catalog.commit([Insert(mark)])

    assert "This is demo data" not in before
    for path in ("/", "/dashboard/projects", PAGE, "/dashboard/nowhere"):
        assert "This is demo data" in browser.http.get(path).text
