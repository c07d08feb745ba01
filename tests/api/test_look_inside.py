"""Contents and rows are asked of workers."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.project import Project


def test_contents_are_a_job_that_a_viewer_may_ask_for(
    client_for: Callable[..., httpx.Client], backup: Backup
) -> None:
    client = client_for(Role.VIEWER)

    answer = client.post(f"/v1/backups/{backup.id}/contents")

    job = client.get(answer.headers["location"]).json()
    assert answer.status_code == 202
    assert (job["kind"], job["backup_id"], job["status"]) == ("contents", backup.id, "pending")


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("public.people", "public.people"),
        ("public.%22odd%20name%22", 'public."odd name"'),
        ("public.100%25", "public.100%"),
        ("a+b.c", "a+b.c"),
    ],
)
def test_rows_are_a_job_for_one_table(
    client_for: Callable[..., httpx.Client],
    services: Services,
    backup: Backup,
    path: str,
    table: str,
) -> None:
    answer = client_for(Role.OPERATOR).post(
        f"/v1/backups/{backup.id}/tables/{path}/rows", json={"limit": 7}
    )

    assert answer.status_code == 202
    arguments = services.jobs.get(answer.json()["id"]).arguments
    assert (arguments.backup_id, arguments.table, arguments.limit) == (backup.id, table, 7)


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (("public", "people"), '"public"."people"'),
        (("a/b", "c/d"), '"a/b"."c/d"'),
        (("with.dot", 'a "quoted" one'), '"with.dot"."a ""quoted"" one"'),
        (("public", "two\nlines"), '"public"."two\nlines"'),
    ],
)
def test_every_table_can_be_named_in_the_body(
    client: httpx.Client, services: Services, backup: Backup, names: tuple[str, str], named: str
) -> None:
    body = {"schema": names[0], "table": names[1], "limit": 7}

    answer = client.post(f"/v1/backups/{backup.id}/rows", json=body)

    assert answer.status_code == 202
    arguments = services.jobs.get(answer.json()["id"]).arguments
    assert (arguments.table, arguments.limit) == (named, 7)


@pytest.mark.parametrize(
    "body", [{}, {"schema": "s"}, {"schema": "", "table": "t"}, {"schema": "s", "table": "a\x00"}]
)
def test_half_a_name_is_refused(
    client: httpx.Client, backup: Backup, body: dict[str, object]
) -> None:
    answer = client.post(f"/v1/backups/{backup.id}/rows", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_rows_are_none_of_a_viewers_business(
    client_for: Callable[..., httpx.Client], backup: Backup
) -> None:
    answer = client_for(Role.VIEWER).post(f"/v1/backups/{backup.id}/tables/public.people/rows")

    assert answer.status_code == 403


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize("body", [{"limit": 0}, {"limit": 1001}, {"limit": "5"}, {"rows": 5}])
def test_a_limit_that_cannot_be_is_refused(
    client: httpx.Client, backup: Backup, body: dict[str, object]
) -> None:
    answer = client.post(f"/v1/backups/{backup.id}/tables/public.people/rows", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize("name", ["a" * 301, "a%0Ab", "a%00b"])
def test_a_name_that_cannot_be_is_refused(client: httpx.Client, backup: Backup, name: str) -> None:
    answer = client.post(f"/v1/backups/{backup.id}/tables/{name}/rows")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("what", ["contents", "tables/public.people/rows"])
def test_only_a_completed_backup_can_be_looked_into(
    client: httpx.Client, make_backup: Callable[..., Backup], project: Project, what: str
) -> None:
    backup = make_backup(project, status=Status.FAILED)

    assert client.post(f"/v1/backups/{backup.id}/{what}").status_code == 409
