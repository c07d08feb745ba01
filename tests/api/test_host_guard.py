"""With the guard on, a project that plainly leads inside is refused when it is saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.settings import Settings
from tests.support.servers import free_ports
from tests.support.stack import serving

INSIDE = (
    {"host": "127.0.0.1"},
    {"host": "localhost"},
    {"host": "169.254.169.254", "port": 8080},
    {"host": "2130706433"},
    {"host": "/var/run/postgresql"},
    {"host": "db.example.org", "port": 25},
    {"host": "db.example.org", "sslrootcert": "/etc/passwd"},
    {"host": "db.example.org", "sslrootcert": "system/../roots.pem"},
    {"url": "postgresql://db.example.org/app?sslmode=verify-full&sslrootcert=/proc/self/environ"},
    {"url": "postgresql://[::1]/app"},
    {"url": "postgresql:///app"},
    {"url": "postgresql://db.example.org/app?host=10.0.0.1"},
    {"kind": "supabase", "ref": "a" * 20, "api_url": "http://127.0.0.1:8080"},
    {"kind": "supabase", "ref": "a" * 20, "url": "postgresql://10.0.0.1/app"},
)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    return embedded(Settings(data=tmp_path, public_url=url, host_guard="on"))


@pytest.fixture
def api(services: Services) -> Iterator[httpx.Client]:
    with serving(services) as client:
        yield client


@pytest.mark.parametrize("fields", INSIDE, ids=str)
def test_a_project_that_leads_inside_is_not_saved(
    fields: dict[str, object], api: httpx.Client, services: Services
) -> None:
    answer = api.post("/v1/projects", json={"name": "shop", **fields})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert services.projects.find(Query(Project)).items == ()


def test_a_project_cannot_be_turned_inside(api: httpx.Client) -> None:
    made = api.post("/v1/projects", json={"host": "db.example.org"}).raise_for_status().json()

    answer = api.patch(f"/v1/projects/{made['id']}", json={"host": "10.0.0.1"})

    assert answer.json()["code"] == "invalid_request"
    assert api.get(f"/v1/projects/{made['id']}").json()["host"] == made["host"]


def test_a_project_cannot_be_turned_to_a_file_of_the_worker(api: httpx.Client) -> None:
    made = api.post("/v1/projects", json={"host": "db.example.org"}).raise_for_status().json()

    answer = api.patch(f"/v1/projects/{made['id']}", json={"sslrootcert": "/etc/shadow"})

    assert answer.json()["errors"][0]["field"] == "sslrootcert"
