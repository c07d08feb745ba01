from __future__ import annotations

import gzip
import json

import httpx
import pytest

from chalicelib.domain.project import Project

pytestmark = pytest.mark.embedded_only  # refused before anything is stored
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        b'{"name": NaN}',
        b"{}{}",
        b"[" * 30_000,
        b'{"a":' * 8_000 + b"1" + b"}" * 8_000,
        b'{"tags": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
        gzip.compress(b"{}", mtime=0),
    ],
)
def test_what_is_not_an_object_of_json_is_refused(client: httpx.Client, content: bytes) -> None:
    answer = client.post("/v1/projects", content=content, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("declared", ["text/plain", "application/x-www-form-urlencoded", "x", ""])
def test_a_body_that_is_not_declared_as_json_is_refused(
    client: httpx.Client, declared: str
) -> None:
    answer = client.post("/v1/projects", content=b"{}", headers={"Content-Type": declared})

    assert answer.status_code == (415 if declared else 400)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("declared", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_declared_in_every_way(
    client: httpx.Client, project: Project, declared: str
) -> None:
    content = json.dumps({"project_id": project.id})

    answer = client.post("/v1/backups", content=content, headers={"Content-Type": declared})

    assert answer.status_code == 202


@pytest.mark.parametrize(("size", "status"), [(65_536, 400), (65_537, 413), (1_000_000, 413)])
def test_a_body_over_64_kib_is_too_large(client: httpx.Client, size: int, status: int) -> None:
    answer = client.post("/v1/projects", content=b" " * size, headers=JSON)

    assert (answer.status_code, answer.json()["status"]) == (status, status)


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v2/backups",
        "/v1/backups/x/y/z",
        "/v1/backups/a/b",
        "/v1//backups",
        "/v1/backups;x=1",
        "/V1/backups",
        "/%00",
        "/%ff%fe",
        "/é",
        "/v1/%2e%2e/health",
        "/{token}",
    ],
)
def test_an_unknown_path_is_a_problem_too(client: httpx.Client, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert client.headers["authorization"].split("_", 2)[2] not in answer.text


@pytest.mark.parametrize(
    "record_id", ["%00", "..", "%2e%2e", "'--", "%F0%9F%92%A9", "x" * 3000, "{backup_id}", "a%20b"]
)
def test_an_id_that_cannot_be_does_not_exist(client: httpx.Client, record_id: str) -> None:
    answer = client.get(f"/v1/backups/{record_id}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "TRACE", "BREW", "get"])
def test_another_method_is_a_problem_that_names_the_right_ones(
    client: httpx.Client, method: str
) -> None:
    answer = client.request(method, "/v1/backups")

    if method == "get":
        assert answer.status_code in {200, 405}  # httpx writes methods in capitals
        return
    assert (answer.status_code, answer.json()["status"]) == (405, 405)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_a_problem_has_all_its_parts(client: httpx.Client) -> None:
    problem = client.post("/v1/projects", json={"host": "h", "colour": 1}).json()

    assert problem == {
        "type": "urn:holdfast:error:invalid_request",
        "title": "invalid request",
        "status": 400,
        "detail": "the body cannot be taken",
        "code": "invalid_request",
        "hint": "Correct the named field and send the request again.",
        "errors": [{"field": "colour", "message": "extra inputs are not permitted"}],
    }


def test_field_problems_do_not_repeat_what_was_sent(client: httpx.Client) -> None:
    secret = "hunter2 hunter2"
    body = {"host": "h", secret: 1, "port": secret, "tags": {secret: 5}, "sslmode": secret}

    answer = client.post("/v1/projects", json=body)

    assert len(answer.json()["errors"]) == 4
    assert "hunter2" not in answer.text


def test_the_number_of_field_problems_is_bounded(client: httpx.Client) -> None:
    answer = client.post("/v1/projects", json={f"f{i}": 1 for i in range(500)})

    assert len(answer.json()["errors"]) == 20


def test_routes_without_a_body_refuse_fields(client: httpx.Client, project: Project) -> None:
    answer = client.post(f"/v1/projects/{project.id}/test", json={"host": "evil"})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "host")


def test_every_answer_has_the_security_headers(client: httpx.Client) -> None:
    answers = [client.get(path) for path in ("/health", "/v1/backups", "/nowhere", "/objects/x")]

    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("port", "status"), [(5432.0, 201), (5432.5, 400), (0.0, 400), (1e300, 400)]
)
def test_a_whole_number_may_be_written_with_a_point(
    client: httpx.Client, port: float, status: int
) -> None:
    answer = client.post("/v1/projects", json={"host": "db.example.org", "port": port})

    assert answer.status_code == status
