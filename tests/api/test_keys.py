from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import ApiKey, Role, hashed
from chalicelib.domain.project import Project


def test_a_key_is_shown_once_and_works(
    client: httpx.Client, client_for: Callable[..., httpx.Client]
) -> None:
    made = client.post("/v1/keys", json={"name": "ci", "role": "viewer"})

    token = made.json()["token"]
    assert made.status_code == 201
    assert client_for(token=token).get("/v1/backups").status_code == 200
    assert token.split("_", 2)[2] not in client.get("/v1/keys").text


def test_only_the_hash_of_a_key_is_stored(client: httpx.Client, services: Services) -> None:
    made = client.post("/v1/keys", json={"name": "ci", "role": "viewer"}).json()

    secret = made["token"].split("_", 2)[2]
    stored = services.ledger.catalog.get(ApiKey, made["id"])
    files = [p for p in Path(services.settings.data).rglob("*") if p.is_file()]
    assert stored.secret_sha256 == hashed(secret)
    assert not any(secret.encode() in p.read_bytes() for p in files)


def test_a_revoked_key_opens_nothing_any_more(
    client: httpx.Client, client_for: Callable[..., httpx.Client]
) -> None:
    made = client.post("/v1/keys", json={"name": "ci", "role": "admin"}).json()

    answers = [client.delete(f"/v1/keys/{made['id']}").status_code for _ in range(2)]

    assert answers == [204, 204]
    assert client_for(token=made["token"]).get("/v1/backups").status_code == 401
    listed = {key["id"]: key for key in client.get("/v1/keys").json()["items"]}
    assert listed[made["id"]]["revoked_at"] is not None


def test_an_expired_key_opens_nothing(
    client: httpx.Client,
    client_for: Callable[..., httpx.Client],
    advance: Callable[[timedelta], None],
) -> None:
    body = {"name": "ci", "role": "viewer", "expires_at": "2026-03-01T13:00:00+01:00"}
    assert client.post("/v1/keys", json=body).status_code == 400
    body["expires_at"] = "2026-03-01T14:00:00+01:00"
    holder = client_for(token=client.post("/v1/keys", json=body).json()["token"])
    assert holder.get("/v1/backups").status_code == 200

    advance(timedelta(hours=1))

    assert holder.get("/v1/backups").status_code == 401


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize(
    "change",
    [
        {"role": "root"},
        {"role": None},
        {"name": ""},
        {"projects": []},
        {"projects": ["nobody"]},
        {"projects": "x"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2030-01-01T00:00:00"},
        {"expires_at": 1893456000},
        {"secret_sha256": "x"},
    ],
)
def test_keys_that_cannot_be_are_refused(client: httpx.Client, change: dict[str, object]) -> None:
    answer = client.post("/v1/keys", json={"name": "ci", "role": "viewer"} | change)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_a_key_limited_to_projects_says_so(client: httpx.Client, project: Project) -> None:
    body = {"name": "ci", "role": "operator", "projects": [project.id]}

    assert client.post("/v1/keys", json=body).json()["projects"] == [project.id]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YWRtaW46YWRtaW4=",
        "Bearer hf_x_y",
        "Bearer hf__",
        "Bearer a b c",
        "Bearer " + "x" * 5000,
    ],
)
def test_everything_but_a_key_is_unauthenticated(
    client_for: Callable[..., httpx.Client], header: str
) -> None:
    answer = client_for(None).get("/v1/backups", headers={"Authorization": header})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_secret_that_differs_in_one_letter_is_refused(
    client: httpx.Client, client_for: Callable[..., httpx.Client]
) -> None:
    token = client.post("/v1/keys", json={"name": "ci", "role": "viewer"}).json()["token"]
    other = token[:-1] + ("A" if token[-1] != "A" else "B")

    assert client_for(token=other).get("/v1/backups").status_code == 401


def test_wrong_and_unknown_keys_are_told_the_same(
    client: httpx.Client, client_for: Callable[..., httpx.Client]
) -> None:
    token = client.post("/v1/keys", json={"name": "ci", "role": "viewer"}).json()["token"]
    unknown = "hf_01JD0000000000000000000000_" + "x" * 43

    answers = {client_for(token=t).get("/v1/keys").text for t in (token + "x", unknown)}

    assert len(answers) == 1


def test_the_scheme_is_not_case_sensitive(
    client_for: Callable[..., httpx.Client], services: Services
) -> None:
    token = client_for(Role.VIEWER).headers["authorization"].removeprefix("Bearer ")

    answer = client_for(None).get("/v1/backups", headers={"Authorization": f"bearer {token}"})

    assert answer.status_code == 200
