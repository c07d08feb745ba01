"""The history: filters, order, pages, and what may be done to one or many backups."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.dashboard.pages.chosen import phrase_for
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup, Status, Verification, VerificationLevel
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from tests.dashboard.conftest import Browser
from tests.support.completed import stored_backup

PAGE = "/dashboard/backups/history"
NAME = re.compile(r'<td><a href="/dashboard/backups/\w+">([^<]*)</a>')


def _names(seen: str) -> list[str]:
    return NAME.findall(seen)


def _next(seen: str) -> str:
    found = re.search(r'rel="next" href="([^"]*)"', seen)
    assert found is not None
    return PAGE + unescape(found[1])


def _left(services: Services) -> set[str]:
    return {one.name for one in services.ledger.catalog.find(Query(Backup)).items}


@pytest.fixture
def three(services: Services, project: Project) -> dict[str, Backup]:
    """Backups of three sizes and durations."""
    made = [("b-small", 10, 9.0), ("a-large", 3000, 1.0), ("c-middle", 200, 5.0)]
    return {
        name: stored_backup(services, project, name=name, stored_bytes=size, duration_s=took)
        for name, size, took in made
    }


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("", ["c-middle", "a-large", "b-small"]),
        ("newest", ["c-middle", "a-large", "b-small"]),
        ("largest", ["a-large", "c-middle", "b-small"]),
        ("slowest", ["b-small", "c-middle", "a-large"]),
        ("name", ["a-large", "b-small", "c-middle"]),
    ],
)
@pytest.mark.usefixtures("three")
def test_the_history_is_sorted(browser: Browser, sort: str, names: list[str]) -> None:
    assert _names(browser.see(f"{PAGE}?sort={sort}")) == names


@pytest.mark.parametrize(
    ("since", "until", "shown"),
    [(0, 0, True), (-1, 0, True), (1, 2, False), (-2, -1, False), (0, None, True)],
)
def test_days_are_whole_and_both_ends_belong_to_them(
    services: Services,
    browser: Browser,
    project: Project,
    since: int,
    until: int | None,
    *,
    shown: bool,
) -> None:
    made = stored_backup(services, project)
    first, last = (
        "" if days is None else (made.created_at + timedelta(days=days)).date().isoformat()
        for days in (since, until)
    )

    seen = browser.see(f"{PAGE}?since={first}&until={last}")

    assert bool(_names(seen)) is shown


@pytest.mark.parametrize("day", ["yesterday", "1e9", "1700000000", "2026-13-01", "0001-01-01"])
def test_what_is_no_day_is_refused(browser: Browser, day: str) -> None:
    browser.see(f"{PAGE}?since={day}", status=400)


def test_a_sorted_history_goes_on_page_by_page(
    services: Services, browser: Browser, project: Project
) -> None:
    for size in range(60):
        stored_backup(services, project, name=f"n{size}", stored_bytes=size)

    first = browser.see(f"{PAGE}?sort=largest")
    second = browser.see(_next(first))
    third = browser.see(_next(second))

    names = _names(first) + _names(second) + _names(third)
    assert names == [f"n{size}" for size in reversed(range(60))]
    assert 'rel="next"' not in third


def test_an_action_leads_back_to_the_page_it_was_taken_on(
    services: Services, browser: Browser, three: dict[str, Backup]
) -> None:
    backup = three["a-large"]

    answer = browser.post(
        f"/dashboard/backups/{backup.id}/lock", locked="true", back=f"{PAGE}?status=completed"
    )

    assert answer.headers["location"] == f"{PAGE}?status=completed&notice=locked"
    assert services.backups.get(backup.id).locked


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "javascript:alert(1)"])
def test_an_action_leads_to_no_other_host(
    browser: Browser, three: dict[str, Backup], back: str
) -> None:
    answer = browser.post(
        f"/dashboard/backups/{three['a-large'].id}/lock", locked="true", back=back
    )

    assert answer.status_code == 422
    assert "evil" not in answer.headers.get("location", "")


def _post_chosen(browser: Browser, path: str, *backups: Backup, **fields: str) -> tuple[int, str]:
    token = re.search(r'name="csrf" value="(\w+)"', browser.see("/"))
    assert token is not None
    data = {"csrf": token[1], "pick": [one.id for one in backups], **fields}
    answer = browser.http.post(path, data=data)
    return answer.status_code, answer.headers.get("location", answer.text)


def test_all_that_were_chosen_are_locked(
    services: Services, browser: Browser, three: dict[str, Backup]
) -> None:
    chosen = (three["a-large"], three["b-small"])

    told = _post_chosen(browser, "/dashboard/chosen/lock", *chosen, locked="true", back=PAGE)

    assert told == (303, f"{PAGE}?notice=locked")
    assert {name for name, one in three.items() if services.backups.get(one.id).locked} == {
        "a-large",
        "b-small",
    }


def test_what_is_to_be_deleted_is_shown_first(
    services: Services, browser: Browser, three: dict[str, Backup]
) -> None:
    status, seen = _post_chosen(browser, "/dashboard/chosen", three["a-large"], three["b-small"])

    assert status == 200
    assert "delete 2 backups" in seen
    assert len(_left(services)) == 3


@pytest.mark.parametrize(
    ("confirm", "left"),
    [
        ("delete 2 backups", {"c-middle"}),
        ("delete 3 backups", {"a-large", "b-small", "c-middle"}),
        ("", {"a-large", "b-small", "c-middle"}),
    ],
)
def test_many_are_deleted_only_by_the_words(
    services: Services,
    browser: Browser,
    three: dict[str, Backup],
    confirm: str,
    left: set[str],
) -> None:
    chosen = (three["a-large"], three["b-small"])

    _post_chosen(browser, "/dashboard/chosen/delete", *chosen, confirm=confirm)

    assert _left(services) == left


def test_what_may_not_go_stays_and_says_why(
    services: Services, browser: Browser, project: Project, three: dict[str, Backup]
) -> None:
    locked = stored_backup(services, project, name="locked-one", locked=True)
    words = {"confirm": phrase_for(2)}

    status, seen = _post_chosen(
        browser, "/dashboard/chosen/delete", three["a-large"], locked, **words
    )

    assert status == 200
    assert "the backup is locked" in seen
    assert _left(services) == {"locked-one", "b-small", "c-middle"}


def test_what_is_gone_already_is_no_trouble(
    services: Services, browser: Browser, three: dict[str, Backup]
) -> None:
    services.backups.delete("test", three["a-large"].id)
    chosen = (three["a-large"], three["b-small"])

    told = _post_chosen(browser, "/dashboard/chosen/delete", *chosen, confirm=phrase_for(2))

    assert told == (303, f"{PAGE}?notice=deleted")
    assert _left(services) == {"c-middle"}


def test_nothing_chosen_is_said(browser: Browser) -> None:
    told = _post_chosen(browser, "/dashboard/chosen", back=PAGE)

    assert told == (303, f"{PAGE}?notice=none-chosen")


def test_a_hidden_backup_is_not_deleted_with_the_others(
    services: Services,
    browser_for: Callable[..., Browser],
    make_project: Callable[..., Project],
) -> None:
    hidden = stored_backup(services, make_project("hidden"), name="hidden")
    limited = browser_for(Role.ADMIN, (make_project("mine").id,))

    _post_chosen(limited, "/dashboard/chosen/delete", hidden, confirm=phrase_for(1))

    assert _left(services) == {"hidden"}


def test_a_viewer_sees_neither_boxes_nor_menus(
    browser_for: Callable[..., Browser], three: dict[str, Backup]
) -> None:
    seen = browser_for(Role.VIEWER).see(PAGE)

    assert len(_names(seen)) == len(three)
    assert "checkbox" not in seen
    assert "formaction" not in seen


def test_the_shield_leads_to_what_was_checked(
    services: Services, browser: Browser, project: Project
) -> None:
    at = services.ledger.clock.now()
    proof = Verification(level=VerificationLevel.PROOF, at=at, by="PG 18", report="all equal")
    backup = stored_backup(services, project, validated=True, verification=proof)

    seen = browser.see(PAGE)

    assert f'href="/dashboard/backups/{backup.id}#checked"' in seen
    assert "all equal" in browser.see(f"/dashboard/backups/{backup.id}")


def test_a_running_backup_offers_to_cancel_and_no_download(
    services: Services, browser: Browser, project: Project
) -> None:
    backup = stored_backup(services, project, status=Status.IN_PROGRESS, completed_at=None)

    seen = browser.see(PAGE)

    assert f"{backup.id}/cancel" in seen
    assert f"{backup.id}/download" not in seen
    assert "<backup-progress compact" in seen
