from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup, BackupOptions, BackupType, Status, Trigger
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert


def pages(client: httpx.Client, path: str, **query: str) -> list[list[dict[str, Any]]]:
    """Read a list to its end."""
    found: list[list[dict[str, Any]]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get(path, params={**query, **cursor}).raise_for_status().json()
        found.append(page["items"])
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def ids(found: list[list[dict[str, Any]]]) -> list[str]:
    return [item["id"] for page in found for item in page]


@pytest.fixture
def four_backups(
    make_backup: Callable[..., Backup],
    project: Project,
    advance: Callable[[timedelta], None],
) -> None:
    """Four backups that differ, made an hour apart from 12:00 on."""
    kinds: dict[str, dict[str, object]] = {
        "plain": {"description": "about plain"},
        "failed": {"status": Status.FAILED},
        "schema": {"options": BackupOptions(type=BackupType.SCHEMA)},
        "scheduled": {"trigger": Trigger.SCHEDULED},
    }
    for name, fields in kinds.items():
        make_backup(project, name=name, **fields)
        advance(timedelta(hours=1))


def test_pages_have_no_gaps_and_no_repeats(
    client: httpx.Client, make_backup: Callable[..., Backup], project: Project
) -> None:
    made = [make_backup(project).id for _ in range(7)]

    found = pages(client, "/v1/backups", limit="3")

    assert ids(found) == made[::-1]
    assert [len(page) for page in found] == [3, 3, 1]


def test_what_comes_while_paging_disturbs_nothing(
    client: httpx.Client, make_backup: Callable[..., Backup], project: Project
) -> None:
    made = [make_backup(project).id for _ in range(4)]
    first = client.get("/v1/backups", params={"limit": 2}).json()

    make_backup(project)
    rest = client.get("/v1/backups", params={"cursor": first["next_cursor"], "limit": 2}).json()

    assert ids([first["items"], rest["items"]]) == made[::-1]


@pytest.mark.parametrize("path", ["/v1/projects", "/v1/keys"])
def test_other_lists_are_paged_too(
    client: httpx.Client, make_project: Callable[..., Project], path: str
) -> None:
    for number in range(3):
        make_project(f"p{number}")
        client.post("/v1/keys", json={"name": "k", "role": "viewer"})

    found = ids(pages(client, path, limit="2"))

    assert len(found) >= 3
    assert found == sorted(set(found), reverse=True)


def test_links_are_paged_too(client: httpx.Client, backup: Backup) -> None:
    path = f"/v1/backups/{backup.id}/links"
    made = [client.post(path).json()["id"] for _ in range(3)]

    assert ids(pages(client, path, limit="2")) == made[::-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["scheduled", "schema", "failed", "plain"]),
        ({"status": "failed"}, ["failed"]),
        ({"type": "schema"}, ["schema"]),
        ({"trigger": "scheduled"}, ["scheduled"]),
        ({"q": "CHEM"}, ["schema"]),
        ({"q": "about plain"}, ["plain"]),
        ({"q": "%"}, []),
        ({"from": "2026-03-01T14:00:00Z"}, ["scheduled", "schema"]),
        ({"to": "2026-03-01T14:00:00Z"}, ["failed", "plain"]),
        ({"from": "2026-03-01T13:00:00Z", "to": "2026-03-01T15:00:00+00:00"}, ["schema", "failed"]),
        ({"status": "completed", "type": "full"}, ["scheduled", "plain"]),
    ],
)
def test_filters(
    client: httpx.Client, four_backups: None, query: dict[str, str], expected: list[str]
) -> None:
    del four_backups

    found = client.get("/v1/backups", params=query).json()["items"]

    assert [item["name"] for item in found] == expected


def test_a_project_filter_shows_that_project_only(
    client: httpx.Client, make_backup: Callable[..., Backup], make_project: Callable[..., Project]
) -> None:
    one, other = make_project("one"), make_project("other")
    wanted = make_backup(one)
    make_backup(other)

    found = client.get("/v1/backups", params={"project": one.id}).json()["items"]

    assert [item["id"] for item in found] == [wanted.id]


def test_a_limited_key_sees_backups_of_its_projects_only(
    client_for: Callable[..., httpx.Client],
    make_backup: Callable[..., Backup],
    make_project: Callable[..., Project],
) -> None:
    mine, other = make_project("mine"), make_project("other")
    wanted = make_backup(mine)
    make_backup(other)
    limited = client_for(Role.VIEWER, projects=(mine.id,))

    found = limited.get("/v1/backups").json()["items"]

    assert [item["id"] for item in found] == [wanted.id]
    assert limited.get("/v1/backups", params={"project": other.id}).status_code == 404


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=1.5",
        "limit=ten",
        "limit=1&limit=2",
        "status=done",
        "colour=red",
        "since=2026-01-01T00:00:00Z",
        "from=2026-01-01T00:00:00",
        "from=1700000000",
        "from=yesterday",
        "from=1969-12-31T23:59:59Z",
        "from=0001-01-01T00:00:00%2B14:00",
        "to=99999-01-01T00:00:00Z",
        "q=",
        "q=" + "x" * 201,
        "project=../x",
        "cursor=",
        "cursor=%00",
    ],
)
def test_queries_that_cannot_be_are_refused(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/v1/backups?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["errors"]


def test_the_latest_possible_moment_is_a_fine_filter(client: httpx.Client) -> None:
    assert client.get("/v1/backups?to=9999-12-31T23:59:59-14:00").status_code == 200


def test_a_cursor_of_another_filter_is_refused(
    client: httpx.Client, make_backup: Callable[..., Backup], project: Project
) -> None:
    for _ in range(2):
        make_backup(project)
    cursor = client.get("/v1/backups", params={"limit": 1}).json()["next_cursor"]

    answer = client.get("/v1/backups", params={"cursor": cursor, "status": "completed"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cursor"
    assert client.get("/v1/projects", params={"cursor": cursor}).status_code == 400


@pytest.mark.parametrize(
    "forged",
    [
        {"before_id": "x" * 26, "filter": "0" * 16},
        {"before_id": "' OR 1=1 --", "filter": "0" * 16},
        {"before_id": "0" * 26},
        {"before_id": "0" * 26, "filter": "0" * 16, "more": 1},
        {"before_id": 5, "filter": "0" * 16},
        [],
        "text",
    ],
)
def test_a_forged_cursor_is_refused(client: httpx.Client, forged: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode()

    answer = client.get("/v1/backups", params={"cursor": cursor})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("cursor", ["!!!!", "é", "A", "AAAA=A", "a" * 600])
def test_what_is_no_cursor_is_refused(client: httpx.Client, cursor: str) -> None:
    assert client.get("/v1/backups", params={"cursor": cursor}).status_code == 400


@pytest.mark.embedded_only  # the stand-in of DynamoDB is not built for speed
def test_ten_thousand_backups_do_not_slow_a_page_down(
    client: httpx.Client, services: Services, make_backup: Callable[..., Backup], project: Project
) -> None:
    model = make_backup(project)
    for _ in range(20):
        copies = [
            model.model_copy(update={"id": services.ledger.ids.new(), "revision": 0})
            for _ in range(500)
        ]
        services.ledger.catalog.commit([Insert(copy) for copy in copies])

    one = _median_s(lambda: client.get(f"/v1/backups/{model.id}"))
    many = _median_s(lambda: client.get("/v1/backups", params={"project": project.id}))

    assert one < 0.05
    assert many < 0.2


def _median_s(ask: Callable[[], httpx.Response]) -> float:
    times = []
    for _ in range(15):
        begin = time.perf_counter()
        assert ask().status_code == 200
        times.append(time.perf_counter() - begin)
    return sorted(times)[7]
