"""What people write into schedules, projects and channels: shown, and never run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import SecretStr

from chalicelib.bootstrap.services import Services
from chalicelib.domain.channel import ChannelKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Replace
from chalicelib.services.channels import NewChannel
from chalicelib.services.projects import ProjectChanges
from chalicelib.services.schedules import NewSchedule
from tests.dashboard.conftest import Browser
from tests.dashboard.test_safety import XSS
from tests.support.markup import links_of, shape_of

Pages = Callable[[str], list[str]]


@pytest.fixture
def pages_with(services: Services, browser: Browser, project: Project) -> Pages:
    """Fill every field with a text, and return the pages that show it."""
    url = SecretStr("https://hooks.example.org/x")
    schedule = services.schedules.create("test", NewSchedule("x", "daily", project_id=project.id))
    channel, _ = services.channels.create("test", NewChannel("x", ChannelKind.WEBHOOK, url))
    paths = [
        "/dashboard/projects",
        f"/dashboard/projects/{project.id}",
        f"/dashboard/projects/{project.id}/edit",
        f"/dashboard/projects/{project.id}/retention?schedule={schedule.id}",
        "/dashboard/backups/scheduled",
        f"/dashboard/schedules/{schedule.id}",
        f"/dashboard/schedules/{schedule.id}/edit",
        "/dashboard/channels",
        f"/dashboard/channels/{channel.id}",
        "/dashboard/first-run",
    ]

    def make(text: str) -> list[str]:
        tags = {text[:64]: text}
        services.projects.update("test", project.id, ProjectChanges(name=text, tags=tags))
        catalog = services.ledger.catalog
        for record in (services.schedules.get(schedule.id), services.channels.get(channel.id)):
            named = record.model_copy(update={"name": text, "tags": tags})
            catalog.commit([Replace(named)])
        return [browser.see(path) for path in paths]

    return make


@pytest.mark.parametrize("text", XSS)
def test_no_text_changes_the_shape_of_a_page(pages_with: Pages, text: str) -> None:
    plain = [shape_of(page) for page in pages_with("plain")]

    assert [shape_of(page) for page in pages_with(text)] == plain


def test_no_text_becomes_an_address(pages_with: Pages) -> None:
    leads = {link for page in pages_with("javascript:alert(1)") for link in links_of(page)}

    assert {link[:1] for link in leads if link} <= {"/", "?", "#"}


@pytest.mark.parametrize("text", XSS)
def test_what_was_typed_comes_back_as_text(browser: Browser, project: Project, text: str) -> None:
    plain = browser.post("/dashboard/backups/scheduled", project=project.id, name="plain")

    answer = browser.post("/dashboard/backups/scheduled", project=project.id, name=text, cron=text)

    assert (plain.status_code, answer.status_code) == (422, 422)
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert str(7777 * 7777) not in answer.text


@pytest.mark.parametrize("length", [1, 200])
def test_long_names_are_shown_whole(browser: Browser, pages_with: Pages, length: int) -> None:
    name = "ü" * length

    assert all(name in page for page in pages_with(name))
