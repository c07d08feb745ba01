"""What callers and the log hear of failures that nobody expected."""

from __future__ import annotations

import json
from typing import NoReturn

import httpx
import pytest
from chalice.local import CustomLocalChalice

from chalicelib.api.application import create_app
from chalicelib.bootstrap.services import Services
from chalicelib.domain.errors import StorageFailed
from chalicelib.local.wsgi import ChaliceWsgi

SECRET = "postgresql://backup:hunter2@db.example.org/shop"


def unexpected() -> Services:
    try:
        _fail()
    except ValueError as error:
        raise RuntimeError(f"while using {SECRET}") from error


def _fail() -> NoReturn:
    raise ValueError(SECRET)


def store_failed() -> Services:
    raise StorageFailed("the catalog does not answer") from ValueError(SECRET)


def ask(services: object) -> httpx.Response:
    app = create_app(services, factory=CustomLocalChalice, new_id=lambda: "INCIDENT7")  # type: ignore[arg-type]  # the tests' services always fail
    transport = httpx.WSGITransport(ChaliceWsgi(app))
    with httpx.Client(transport=transport, base_url="http://holdfast.test") as client:
        body = {"url": SECRET}
        return client.post("/v1/projects", json=body, headers={"Authorization": "Bearer t0ken"})


def test_the_caller_hears_an_id_and_no_detail(capsys: pytest.CaptureFixture[str]) -> None:
    answer = ask(unexpected)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (500, "internal")
    assert problem["instance"] == "INCIDENT7"
    assert "INCIDENT7" in problem["hint"]
    assert "hunter2" not in answer.text + capsys.readouterr().err


def test_the_log_has_types_and_places_and_no_messages(capsys: pytest.CaptureFixture[str]) -> None:
    ask(unexpected)

    captured = capsys.readouterr()
    line = json.loads(captured.err)
    assert (line["incident"], line["operation"]) == ("INCIDENT7", "POST /v1/projects")
    assert [one["type"] for one in line["exceptions"]] == [
        "builtins.RuntimeError",
        "builtins.ValueError",
    ]
    assert "_fail" in line["exceptions"][1]["frames"][-1]
    assert not [secret for secret in ("hunter2", "t0ken") if secret in captured.err]


def test_a_failure_of_our_own_is_logged_and_told_with_its_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = ask(store_failed)

    assert (answer.status_code, answer.json()["code"]) == (503, "storage_failed")
    assert answer.json()["instance"] == "INCIDENT7"
    assert "hunter2" not in capsys.readouterr().err
