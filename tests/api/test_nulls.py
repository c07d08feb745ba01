"""What null says in a body of changes: it takes away what may be missing, and is refused elsewhere.

A field that is left out stays as it is, always.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from chalicelib.api.requests.backups import BackupPatch
from chalicelib.api.requests.channels import ChannelPatch
from chalicelib.api.requests.fields import Patch
from chalicelib.api.requests.projects import ProjectPatch
from chalicelib.api.requests.schedules import SchedulePatch
from chalicelib.api.routes import ALL
from chalicelib.bootstrap.services import Services
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query

RULES = {"keep_last": 7}
SUPABASE = {"kind": "supabase", "ref": "abcdefghijklmnopqrst"}
KEYS = {"access_token": "sbp_canary-62", "storage_key": "canary-63"}
PATCHES: dict[str, type[Patch]] = {
    body.__name__: body for body in (BackupPatch, ChannelPatch, ProjectPatch, SchedulePatch)
}


def created(client: httpx.Client, path: str, **body: object) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def changed(client: httpx.Client, path: str, **body: object) -> dict[str, Any]:
    answer = client.patch(path, json=body)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


@pytest.mark.parametrize(
    ("field", "value"),
    [("retention", RULES), ("verification", "proof"), ("sslrootcert", "system")],
)
def test_null_takes_away_what_a_project_may_lack(
    client: httpx.Client, project: Project, field: str, value: object
) -> None:
    path = f"/v1/projects/{project.id}"
    given = changed(client, path, **{field: value})

    kept = changed(client, path, name="store")
    cleared = changed(client, path, **{field: None})

    assert given[field] is not None
    assert (kept[field], cleared[field]) == (given[field], None)
    assert client.get(path).json() == cleared


def test_null_takes_the_rules_of_a_schedule_away(client: httpx.Client, project: Project) -> None:
    fields = {"name": "n", "project_id": project.id, "cron": "daily", "retention": RULES}
    made = created(client, "/v1/schedules", **fields)
    path = f"/v1/schedules/{made['id']}"

    kept = changed(client, path, name="nightly")
    cleared = changed(client, path, retention=None)

    assert (kept["retention"]["keep_last"], cleared["retention"]) == (7, None)
    assert (cleared["name"], cleared["cron"]) == ("nightly", "daily")


@pytest.mark.parametrize("field", KEYS)
def test_null_forgets_a_key_of_supabase(
    client: httpx.Client, services: Services, field: str
) -> None:
    project = services.projects.get(created(client, "/v1/projects", **SUPABASE, **KEYS)["id"])
    names = {"access_token": project.token_name, "storage_key": project.storage_key_name}

    changed(client, f"/v1/projects/{project.id}", **{field: None})

    (event, *_) = services.ledger.catalog.find(Query(AuditEvent)).items
    assert (event.action, event.details[field]) == ("project.updated", "removed")
    with pytest.raises(NotFound):
        services.projects.secrets.get(names.pop(field))
    for kept in names.values():
        assert services.projects.secrets.get(kept)


def test_a_key_of_supabase_is_nothing_that_another_project_could_lose(
    client: httpx.Client, project: Project
) -> None:
    answer = client.patch(f"/v1/projects/{project.id}", json={"access_token": None})

    assert answer.status_code == 400
    assert "kind supabase" in answer.text


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("projects", "name"),
        ("projects", "password"),
        ("projects", "tags"),
        ("schedules", "cron"),
        ("schedules", "options"),
        ("backups", "description"),
        ("backups", "hold_days"),
        ("channels", "url"),
        ("channels", "events"),
    ],
)
def test_null_is_refused_where_it_would_say_nothing(
    client: httpx.Client, project: Project, backup: Backup, kind: str, field: str
) -> None:
    paths = {"projects": project.id, "backups": backup.id}
    if kind == "schedules":
        paths[kind] = created(
            client, "/v1/schedules", name="n", project_id=project.id, cron="daily"
        )["id"]
    if kind == "channels":
        url = "https://hooks.example.org/x"
        paths[kind] = created(client, "/v1/channels", name="n", kind="webhook", url=url)["id"]
    path = f"/v1/{kind}/{paths[kind]}"
    before = client.get(path).json()

    answer = client.patch(path, json={"name": "other", field: None})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"].startswith(f"{field} cannot be null")
    assert client.get(path).json() == before


def test_every_body_of_changes_keeps_to_this() -> None:
    assert {one.body for one in ALL if one.method == "PATCH"} == set(PATCHES.values())


@pytest.mark.parametrize("name", PATCHES)
def test_the_document_says_where_null_may_stand(client: httpx.Client, name: str) -> None:
    schema = client.get("/v1/openapi.json").json()["components"]["schemas"][name]

    fields = schema["properties"].items()
    nullable = {field for field, one in fields if {"type": "null"} in one.get("anyOf", [])}

    assert nullable == PATCHES[name].NULLABLE
    assert schema["minProperties"] == 1
    assert not any("default" in one for one in schema["properties"].values())
