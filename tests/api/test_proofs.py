"""Proofs over HTTP: how they are asked for, and what is refused."""

from __future__ import annotations

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Asked, Backup
from chalicelib.domain.job import Job
from chalicelib.domain.project import Project

ASSERTION = {"name": "some", "sql": "SELECT true", "rows": None, "timeout_s": 5}


@pytest.mark.parametrize("level", ["archive", "proof", "counts", "digests"])
def test_a_later_verification_names_its_level(
    client: httpx.Client, services: Services, backup: Backup, level: str
) -> None:
    answer = client.post(f"/v1/backups/{backup.id}/verify", json={"level": level})

    job = services.adapters.catalog.get(Job, answer.json()["id"])
    assert answer.status_code == 202
    assert job.arguments.level is Asked(level)


def test_strict_can_be_asked_for_when_a_backup_is_made(
    client: httpx.Client, services: Services, project: Project
) -> None:
    asked = {"project_id": project.id, "verification": "strict"}

    made = client.post("/v1/backups", json=asked)

    assert made.status_code == 202
    assert services.backups.get(made.json()["id"]).options.verification is Asked.STRICT


@pytest.mark.parametrize(
    ("asked", "used"), [({}, "counts"), ({"verification": "archive"}, "archive")]
)
def test_a_backup_is_verified_as_the_project_says_unless_the_request_does(
    client: httpx.Client,
    services: Services,
    project: Project,
    asked: dict[str, str],
    used: str,
) -> None:
    client.patch(f"/v1/projects/{project.id}", json={"verification": "counts"})

    made = client.post("/v1/backups", json={"project_id": project.id, **asked}).json()

    assert services.backups.get(made["id"]).options.verification == used


def test_a_project_keeps_its_assertions(client: httpx.Client, project: Project) -> None:
    changed = client.patch(f"/v1/projects/{project.id}", json={"assertions": [ASSERTION]})

    shown = client.get(f"/v1/projects/{project.id}").json()
    assert changed.status_code == 200
    assert shown["assertions"] == [ASSERTION]


def test_assertions_can_be_taken_away(client: httpx.Client, project: Project) -> None:
    client.patch(f"/v1/projects/{project.id}", json={"assertions": [ASSERTION]})

    client.patch(f"/v1/projects/{project.id}", json={"assertions": []})

    assert client.get(f"/v1/projects/{project.id}").json()["assertions"] == []


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize(
    "assertions",
    [
        [{**ASSERTION, "sql": ""}],
        [{**ASSERTION, "name": "two\nlines"}],
        [{**ASSERTION, "rows": -1}],
        [{**ASSERTION, "timeout_s": 601}],
        [{**ASSERTION, "extra": 1}],
        [ASSERTION, ASSERTION],
        [{**ASSERTION, "name": str(n)} for n in range(51)],
    ],
    ids=["empty", "name", "rows", "timeout", "unknown", "twice", "many"],
)
def test_assertions_that_cannot_be_are_refused(
    client: httpx.Client, project: Project, assertions: list[dict[str, object]]
) -> None:
    answer = client.patch(f"/v1/projects/{project.id}", json={"assertions": assertions})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
