"""The overview: cards, next runs and figures, each of what the visitor may see."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Status, Verification, VerificationLevel
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert
from chalicelib.domain.rollup import DayTally, Tally
from chalicelib.services.schedules import NewSchedule
from tests.dashboard.conftest import Browser
from tests.support.completed import stored_backup
from tests.support.markup import shape_of
from tests.support.much_history import fill


@pytest.fixture
def count(services: Services) -> Callable[..., None]:
    """Keep what moves would have counted today."""

    def keep(project: Project, **fields: float) -> None:
        day = f"{services.ledger.clock.now():%Y-%m-%d}"
        tally = Tally.model_validate(fields)
        made = DayTally(id=f"{day}-{project.id}-0", project_id=project.id, day=day, tally=tally)
        services.ledger.catalog.commit([Insert(made)])

    return keep


def test_rates_are_of_what_ended(
    browser: Browser, project: Project, count: Callable[..., None]
) -> None:
    count(project, backups_completed=9, backups_failed=1, backups_cancelled=5, proofs_passed=3)

    seen = browser.see("/")

    assert re.findall(r'class="large">([^<]*)<', seen) == ["90.0 %", "100 %"]
    assert "9 of 10 runs completed, 5 were cancelled" in seen


def test_figures_are_of_the_visible_projects_only(
    browser_for: Callable[..., Browser],
    make_project: Callable[..., Project],
    count: Callable[..., None],
) -> None:
    mine, other = make_project("mine"), make_project("other")
    count(mine, backups_completed=1)
    count(other, backups_failed=7)

    limited, everywhere = browser_for(Role.VIEWER, (mine.id,)).see("/"), browser_for().see("/")

    assert "1 of 1 runs completed" in limited
    assert "1 of 8 runs completed" in everywhere


def test_a_card_tells_the_next_run_and_the_proof(
    services: Services, browser: Browser, project: Project
) -> None:
    made = services.schedules.create(
        "test", NewSchedule("nightly", "30 2 * * *", project_id=project.id)
    )
    at = services.ledger.clock.now()
    proof = Verification(level=VerificationLevel.PROOF, at=at, by="PG 18", report="equal")
    stored_backup(services, project, validated=True, verification=proof)

    seen = browser.see("/")

    assert made.next is not None
    assert f'datetime="{made.next.expected_at.isoformat()}"' in seen
    assert 'class="shield proof"' in seen


def test_many_projects_keep_the_page_short_and_the_worst_in_sight(
    services: Services, browser: Browser
) -> None:
    (*_, worst) = fill(services, projects=30, backups_each=1)
    stored_backup(services, worst, status=Status.FAILED, name="broken")

    seen = browser.see("/")

    assert seen.count('<section class="card ') - seen.count('<section class="card rate') == 24
    assert "6 more projects" in seen
    assert seen.index(f"/projects/{worst.id}") < seen.index('class="card well"')


def test_every_plot_names_itself(browser: Browser, project: Project) -> None:
    shapes = shape_of(browser.see("/"))

    drawn = [names for tag, names in shapes if tag == "svg"]
    assert len(drawn) == 4
    assert all({"role", "aria-label"} <= set(names) for names in drawn)
