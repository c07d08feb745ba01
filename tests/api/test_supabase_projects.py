"""Projects of kind supabase over HTTP: what makes one, what is refused, what is never shown."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.errors import NotFound

pytestmark = pytest.mark.embedded_only

REF = "abcdefghijklmnopqrst"
POOLED = f"postgresql://postgres.{REF}:[YOUR-PASSWORD]@aws-0-x.pooler.supabase.com:5432/postgres"
SECRETS = {
    "password": "canary-pw-61",
    "access_token": "sbp_canary-token-62",
    "storage_key": "canary-key-63",
}
WHOLE = {"kind": "supabase", "ref": REF, **SECRETS}


def created(client: httpx.Client, **body: object) -> dict[str, Any]:
    answer = client.post("/v1/projects", json=WHOLE | body)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def test_a_reference_makes_a_project(client: httpx.Client) -> None:
    shown = created(client)

    assert (shown["kind"], shown["name"], shown["user"]) == ("supabase", REF, "postgres")
    assert shown["supabase"] == {
        "ref": REF,
        "api_url": "https://api.supabase.com",
        "reached": "resolved",
        "storage_access": "rest",
        "components": ["database", "roles", "auth", "storage", "functions", "config"],
        "optional": [],
        "short_lived_auth": False,
        "when_object_gone": "record",
    }


def test_a_plain_project_has_nothing_of_supabase(client: httpx.Client) -> None:
    shown = client.post("/v1/projects", json={"host": "db.example.org"}).json()

    assert (shown["kind"], shown["supabase"]) == ("postgresql", None)


def test_what_is_taken_can_be_chosen(client: httpx.Client) -> None:
    shown = created(client, components=["database", "auth"], optional=["auth"], user="reader")

    assert shown["supabase"]["components"] == ["database", "auth"]
    assert (shown["supabase"]["optional"], shown["user"]) == (["auth"], "reader")


def test_a_pasted_pooler_url_fills_the_fields(client: httpx.Client, services: Services) -> None:
    body = {"kind": "supabase", "url": POOLED, "password": "canary-pw-61"}

    shown = client.post("/v1/projects", json=body).json()

    assert (shown["supabase"]["ref"], shown["supabase"]["reached"]) == (REF, "given")
    assert (shown["host"], shown["port"]) == ("aws-0-x.pooler.supabase.com", 5432)
    assert services.projects.connection(shown["id"]).password == "canary-pw-61"


def test_keys_lie_in_the_secrets_and_nowhere_else(client: httpx.Client, services: Services) -> None:
    shown = created(client)

    project = services.projects.get(shown["id"])
    keys = services.projects.keys(project)
    assert (keys.access_token, keys.storage_key) == ("sbp_canary-token-62", "canary-key-63")
    told = (
        client.get("/v1/projects").text + client.get("/v1/audit").text + project.model_dump_json()
    )
    assert not any(secret in told + repr(keys) for secret in SECRETS.values())


def test_a_deleted_project_takes_its_keys_along(client: httpx.Client, services: Services) -> None:
    project = services.projects.get(created(client)["id"])

    client.delete(f"/v1/projects/{project.id}").raise_for_status()

    for name in project.secret_names:
        with pytest.raises(NotFound):
            services.projects.secrets.get(name)


def test_keys_and_choices_change_and_the_rest_stays(
    client: httpx.Client, services: Services
) -> None:
    made = created(client)

    changes = {"access_token": "sbp_new", "short_lived_auth": True}
    shown = client.patch(f"/v1/projects/{made['id']}", json=changes).json()

    project = services.projects.get(made["id"])
    assert shown["supabase"] == made["supabase"] | {"short_lived_auth": True}
    assert services.projects.keys(project).access_token == "sbp_new"
    assert services.projects.keys(project).storage_key == "canary-key-63"


def test_another_url_changes_how_it_is_reached(client: httpx.Client) -> None:
    made = created(client)

    shown = client.patch(f"/v1/projects/{made['id']}", json={"url": POOLED}).json()

    assert (shown["supabase"]["reached"], shown["user"]) == ("given", f"postgres.{REF}")


def test_a_password_may_stand_beside_another_url(client: httpx.Client, services: Services) -> None:
    made = created(client)
    change = {"url": POOLED, "password": "canary-pw-64"}

    client.patch(f"/v1/projects/{made['id']}", json=change).raise_for_status()

    assert services.projects.connection(made["id"]).password == "canary-pw-64"


def test_the_url_of_another_project_is_refused(client: httpx.Client) -> None:
    made = created(client)
    other = POOLED.replace(REF, "z" * 20)

    answer = client.patch(f"/v1/projects/{made['id']}", json={"url": other})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_a_plain_project_takes_no_keys(client: httpx.Client) -> None:
    plain = client.post("/v1/projects", json={"host": "db.example.org"}).json()

    answer = client.patch(f"/v1/projects/{plain['id']}", json={"access_token": "sbp_x"})

    assert answer.status_code == 400
    assert "kind supabase" in answer.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ref": None}, "body"),
        ({"ref": "short"}, "ref"),
        ({"ref": REF.upper()}, "ref"),
        ({"ref": REF + "\n"}, "ref"),
        ({"host": "db.example.org"}, "body"),
        ({"port": 5432}, "body"),
        ({"all_databases": True}, "body"),
        ({"kind": "postgresql"}, "body"),
        ({"kind": "mysql"}, "kind"),
        ({"url": "postgresql://u:canary-pw-61@db.example.org/x", "ref": None}, "url"),
        ({"url": POOLED, "ref": "z" * 20}, "url"),
        ({"url": POOLED.replace("5432", "6543")}, "url"),
        ({"url": POOLED, "user": "reader"}, "body"),
        ({"api_url": "https://example.org"}, "api_url"),
        ({"access_token": "two words"}, "access_token"),
        ({"access_token": "línea"}, "access_token"),
        ({"storage_key": ""}, "storage_key"),
        ({"storage_access": "ftp"}, "storage_access"),
        ({"components": []}, "components"),
        ({"components": ["everything"]}, "components"),
        ({"when_object_gone": "shrug"}, "when_object_gone"),
        ({"password": "canary\npw"}, "password"),
    ],
)
def test_what_cannot_be_a_supabase_project_is_refused_by_field(
    client: httpx.Client, body: dict[str, object], field: str
) -> None:
    said = {name: value for name, value in (WHOLE | body).items() if value is not None}

    answer = client.post("/v1/projects", json=said)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "invalid_request")
    assert any(error["field"].startswith(field) for error in problem["errors"]), problem
    assert "canary" not in answer.text


def test_the_transaction_pooler_is_refused_for_plain_projects_too(client: httpx.Client) -> None:
    url = POOLED.replace("5432", "6543")

    answer = client.post("/v1/projects", json={"url": url})

    assert answer.status_code == 400
    assert "session pooler" in answer.text
