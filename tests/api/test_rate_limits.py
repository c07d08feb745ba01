"""Limits as callers meet them: 429 with Retry-After, and exactly as much work as allowed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chalicelib.adapters.embedded.catalog import SqliteCatalog
from chalicelib.api.routes import ALL
from chalicelib.api.routing import Route
from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.local.server import web_app
from tests.support.api_things import Things

STARTING = [one for one in ALL if one.starts_work]
STARTS = 30
REQUESTS = 600
STRANGERS = 120


def statuses(answers: list[httpx.Response], status: int) -> int:
    return [answer.status_code for answer in answers].count(status)


def test_what_starts_work_or_hands_data_out_is_this() -> None:
    assert {one.name for one in STARTING} == {
        *("create_project", "test_project", "estimate_project"),
        *("request_backup", "verify_backup", "create_link", "list_contents", "show_rows"),
        *("show_table_rows", "request_restore", "preflight_restore"),
        *("run_schedule", "test_channel"),
    }


@pytest.mark.embedded_only  # three hundred writes each, and the stand-in is not built for speed
@pytest.mark.parametrize("one", STARTING, ids=lambda one: one.name)
def test_ten_times_the_limit_at_once_starts_exactly_the_limit(
    client: httpx.Client, services: Services, one: Route
) -> None:
    things = Things(services)
    backup_id, project_id = things.backup(), things.project()
    ids = {"project_id": project_id, "backup_id": backup_id, "name": "public.orders"}
    made = {"schedule_id": things.schedule(), "channel_id": things.channel()}
    path = one.path.format_map(ids | made)
    restore = {"backup_id": backup_id, "target": {"project_id": project_id}}
    body = {
        "request_backup": {"project_id": project_id},
        "show_table_rows": {"schema": "public", "table": "orders"},
        "create_project": {"host": "db.example.org"},
        "request_restore": restore,
        "preflight_restore": restore,
    }.get(one.name, {})

    answers = [client.post(path, json=body) for _ in range(STARTS * 10)]

    assert statuses(answers, one.success.status) == STARTS
    assert statuses(answers, 429) == STARTS * 9


@pytest.mark.embedded_only  # the second instance opens the same file
def test_two_instances_over_one_catalog_start_exactly_the_limit_together(
    services: Services, client: httpx.Client, project: Project
) -> None:
    second = SqliteCatalog(services.settings.data / "catalog.sqlite")
    others = Services(services.settings, replace(services.adapters, catalog=second))
    transport = httpx.WSGITransport(web_app(others))
    with httpx.Client(
        transport=transport, base_url=services.settings.public_url, headers=client.headers
    ) as other:

        def ask(number: int) -> httpx.Response:
            return (client, other)[number % 2].post("/v1/backups", json={"project_id": project.id})

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(STARTS * 10)))
    second.close()

    stored = services.ledger.catalog.find(Query(Backup, limit=200)).items
    assert (statuses(answers, 202), statuses(answers, 429)) == (STARTS, STARTS * 9)
    assert len(stored) == STARTS


def test_a_refusal_says_when_to_come_again(
    client: httpx.Client, project: Project, advance: Callable[[timedelta], None]
) -> None:
    path = f"/v1/projects/{project.id}/test"
    refused = [client.post(path) for _ in range(STARTS + 1)][-1]

    advance(timedelta(seconds=int(refused.headers["retry-after"])))
    taken = client.post(path)

    problem: dict[str, Any] = refused.json()
    assert refused.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["code"]) == (429, "rate_limited")
    assert str(problem["retry_after_s"]) == refused.headers["retry-after"]
    assert taken.status_code == 202


def test_requests_that_are_refused_anyway_start_nothing(
    client: httpx.Client, project: Project
) -> None:
    for _ in range(STARTS * 2):
        client.post("/v1/backups", json={"project_id": project.id, "type": "no such"})

    assert client.post("/v1/backups", json={"project_id": project.id}).status_code == 202


def test_reads_of_one_key_are_limited_and_other_keys_go_on(
    client: httpx.Client, client_for: Callable[..., httpx.Client]
) -> None:
    answers = [client.get("/v1/projects") for _ in range(REQUESTS + 50)]

    assert (statuses(answers, 200), statuses(answers, 429)) == (REQUESTS, 50)
    assert client_for().get("/v1/projects").status_code == 200


@pytest.mark.parametrize("token", [None, "hf_01JD0000000000000000000000_wrong", "nonsense"])
def test_wrong_keys_are_limited_by_address_and_right_ones_are_not(
    client_for: Callable[..., httpx.Client], token: str | None
) -> None:
    wrong, right = client_for(None, token=token), client_for()

    answers = [wrong.get("/v1/projects") for _ in range(STRANGERS * 2)]

    assert (statuses(answers, 401), statuses(answers, 429)) == (STRANGERS, STRANGERS)
    assert right.get("/v1/projects").status_code == 200


def test_guessing_links_is_limited_by_address(
    services: Services, client_for: Callable[..., httpx.Client]
) -> None:
    guessing = client_for(None)
    elsewhere = httpx.WSGITransport(web_app(services), remote_addr="203.0.113.9")

    answers = [guessing.get(f"/downloads/x.{number}") for number in range(STRANGERS * 2)]

    assert (statuses(answers, 404), statuses(answers, 429)) == (STRANGERS, STRANGERS)
    with httpx.Client(transport=elsewhere, base_url=services.settings.public_url) as other:
        assert other.get("/downloads/x.y").status_code == 404


def test_a_forwarded_address_is_nobodys_word(client_for: Callable[..., httpx.Client]) -> None:
    stranger = client_for(None)

    answers = [
        stranger.get("/health", headers={"X-Forwarded-For": f"203.0.113.{number % 250}"})
        for number in range(STRANGERS + 10)
    ]

    assert statuses(answers, 429) == 10
