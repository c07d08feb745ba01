from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup
from chalicelib.domain.connection import SslMode
from chalicelib.domain.job import JobKind
from chalicelib.domain.project import Project

URL = "postgresql://backup:hunter2@db.example.org:6543/shop?sslmode=verify-full&sslrootcert=system"


def test_a_url_is_taken_apart(client: httpx.Client) -> None:
    answer = client.post("/v1/projects", json={"url": URL})

    shown = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/projects/{shown['id']}"
    assert (shown["host"], shown["port"], shown["database"]) == ("db.example.org", 6543, "shop")
    assert (shown["user"], shown["sslmode"]) == ("backup", "verify-full")
    assert shown["name"] == "shop@db.example.org"


def test_fields_alone_make_a_project(client: httpx.Client, services: Services) -> None:
    fields = {"name": "Shop", "host": "127.0.0.1", "user": "u", "password": "p", "tags": {"a": "b"}}

    shown = client.post("/v1/projects", json=fields).json()

    stored = services.projects.connection(shown["id"])
    assert (shown["name"], shown["tags"], shown["port"]) == ("Shop", {"a": "b"}, 5432)
    assert stored.password == "p"
    assert stored.endpoint.sslmode is SslMode.PREFER


def test_a_remote_host_without_sslmode_is_asked_for_tls(client: httpx.Client) -> None:
    shown = client.post("/v1/projects", json={"host": "db.example.org"}).json()

    assert shown["sslmode"] == "require"


def test_no_answer_holds_the_password(client: httpx.Client) -> None:
    created = client.post("/v1/projects", json={"url": URL})
    path = created.headers["location"]

    answers = [
        created,
        client.get(path),
        client.get("/v1/projects"),
        client.patch(path, json={"password": "hunter2"}),
    ]

    assert all(answer.is_success for answer in answers)
    assert not any("hunter2" in answer.text for answer in answers)


def test_the_records_on_disk_do_not_hold_the_password(
    client: httpx.Client, services: Services
) -> None:
    client.post("/v1/projects", json={"url": URL}).raise_for_status()

    files = [p for p in Path(services.settings.data).rglob("*") if p.is_file()]

    assert files
    assert not any(b"hunter2" in p.read_bytes() for p in files)


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"url": URL, "host": "h"}, "body"),
        ({"url": "mysql://u:p@h/d"}, "url"),
        ({"url": "postgresql://u:hunter2@h:99999999/d"}, "url"),
        ({"url": "postgresql://u:hunter2@a,b/d"}, "host"),
        ({"url": "postgresql://u:hunter2@h/d?service=x"}, "url"),
        ({"url": "postgresql://u:1?hunter2=x@h/d"}, "url"),
        ({"host": "a,b"}, "host"),
        ({"host": "h/../x"}, "host"),
        ({"host": "h", "port": 0}, "port"),
        ({"host": "h", "port": 65536}, "port"),
        ({"host": "h", "port": "5432"}, "port"),
        ({"host": "h", "port": 10**400}, "port"),
        ({"host": "h", "sslmode": "allow"}, "sslmode"),
        ({"host": "h", "database": "a\x00b"}, "database"),
        ({"host": "h", "password": "hunter2\nhunter2"}, "password"),
        ({"host": "h", "password": 5}, "password"),
        ({"host": "h", "name": ""}, "name"),
        ({"host": "h", "name": "x" * 201}, "name"),
        ({"host": "h", "name": "line\nbreak"}, "name"),
        ({"host": "h", "tags": {"": "x"}}, "tags"),
        ({"host": "h", "tags": {f"t{i}": "" for i in range(33)}}, "tags"),
        ({"host": "h", "tags": {"a": 1}}, "tags.a"),
        ({"host": "h", "colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_a_project_is_refused_by_field(
    client: httpx.Client, body: dict[str, object], field: str
) -> None:
    answer = client.post("/v1/projects", json=body)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "invalid_request")
    assert any(error["field"].startswith(field) for error in problem["errors"])
    assert "hunter2" not in answer.text


def test_all_databases_starts_a_discovery(client: httpx.Client, services: Services) -> None:
    shown = client.post("/v1/projects", json={"url": URL, "all_databases": True}).json()

    job = services.jobs.get(shown["discover_job_id"])
    assert (job.job_kind, job.project_id) == (JobKind.DISCOVER, shown["id"])


def test_single_fields_change_and_the_others_stay(client: httpx.Client, project: Project) -> None:
    answer = client.patch(f"/v1/projects/{project.id}", json={"port": 6543, "name": "new"})

    shown = answer.json()
    assert (shown["port"], shown["name"]) == (6543, "new")
    assert (shown["host"], shown["database"]) == (project.endpoint.host, "shop")


@pytest.mark.parametrize(
    ("change", "password"),
    [
        ({"password": "new"}, "new"),
        ({"password": ""}, ""),
        ({"name": "x"}, "s3cret-of-shop"),
        ({"url": "postgresql://u@h/d"}, "s3cret-of-shop"),
        ({"url": "postgresql://u:other@h/d"}, "other"),
    ],
)
def test_the_password_changes_only_when_one_is_sent(
    client: httpx.Client,
    services: Services,
    project: Project,
    change: dict[str, str],
    password: str,
) -> None:
    client.patch(f"/v1/projects/{project.id}", json=change).raise_for_status()

    assert services.projects.connection(project.id).password == password


def test_a_url_replaces_the_whole_endpoint(client: httpx.Client, project: Project) -> None:
    shown = client.patch(f"/v1/projects/{project.id}", json={"url": "postgresql://u@h/d"}).json()

    assert (shown["host"], shown["database"], shown["user"]) == ("h", "d", "u")


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize("body", [{}, {"name": None}, {"host": "a,b"}, {"id": "x"}])
def test_a_change_that_cannot_be_is_refused(
    client: httpx.Client, project: Project, body: dict[str, object]
) -> None:
    answer = client.patch(f"/v1/projects/{project.id}", json=body)

    assert answer.status_code == 400
    assert client.get(f"/v1/projects/{project.id}").json()["name"] == project.name


def test_a_deleted_project_is_gone_with_its_password(
    client: httpx.Client, services: Services, project: Project
) -> None:
    answer = client.delete(f"/v1/projects/{project.id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get(f"/v1/projects/{project.id}").status_code == 404
    assert not any(
        b"s3cret" in p.read_bytes() for p in Path(services.settings.data).rglob("*") if p.is_file()
    )


def test_a_project_with_backups_stays(
    client: httpx.Client, project: Project, backup: Backup
) -> None:
    answer = client.delete(f"/v1/projects/{project.id}")

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert client.get(f"/v1/backups/{backup.id}").status_code == 200


@pytest.mark.parametrize("kind", ["test", "estimate"])
def test_what_only_workers_can_do_becomes_a_job(
    client: httpx.Client, project: Project, kind: str
) -> None:
    answer = client.post(f"/v1/projects/{project.id}/{kind}")

    job = answer.json()
    assert answer.status_code == 202
    assert (job["kind"], job["status"], job["project_id"]) == (kind, "pending", project.id)
    assert client.get(answer.headers["location"]).json()["id"] == job["id"]


@pytest.mark.embedded_only  # refused before anything is stored
def test_an_estimate_of_what_cannot_be_is_refused(client: httpx.Client, project: Project) -> None:
    answer = client.post(f"/v1/projects/{project.id}/estimate", json={"type": "incremental"})

    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported")


def test_a_limited_key_lists_its_projects_only(
    client_for: Callable[..., httpx.Client], make_project: Callable[..., Project]
) -> None:
    mine, _ = make_project("mine"), make_project("other")
    limited = client_for(Role.VIEWER, projects=(mine.id,))

    items = limited.get("/v1/projects").json()["items"]

    assert [item["id"] for item in items] == [mine.id]
