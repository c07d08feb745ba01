"""The generated requests find what they should: each planted fault, by the check made for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from schemathesis.core.failures import FailureGroup

from chalicelib.local.wsgi import Environ, StartResponse, WsgiApp
from tests.support.api_cases import ApiWorld, Tally, api_schema, api_world, fuzz, operations

LIST = "GET /v1/projects"


@dataclass
class Answer:
    """Hold an answer on its way out, for a fault to change."""

    status: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Faulty:
    """Stand before a service and spoil what goes in or comes out."""

    app: WsgiApp
    entering: Callable[[Environ], None] = lambda environ: None
    leaving: Callable[[Answer], None] = lambda answer: None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer = Answer()

        def begin(status: str, headers: list[tuple[str, str]]) -> None:
            answer.status, answer.headers = status, dict(headers)

        self.entering(environ)
        answer.body = b"".join(self.app(environ, begin))
        self.leaving(answer)
        answer.headers["Content-Length"] = str(len(answer.body))
        start_response(answer.status, list(answer.headers.items()))
        return [answer.body]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    with api_world(tmp_path_factory.mktemp("api")) as made:
        yield made


def found(world: ApiWorld, app: WsgiApp, label: str) -> set[str]:
    """Return the names of the failures that generated requests to one operation find."""
    operation = operations(api_schema(app))[label]
    try:
        fuzz(operation, world, Tally(), cases=60, number=3)
    except FailureGroup as group:
        return {type(one).__name__ for one in group.exceptions}
    return set()


def succeeded(answer: Answer) -> bool:
    return answer.status.startswith("2")


def undocumented(answer: Answer) -> None:
    if succeeded(answer):
        answer.status = "206 Partial Content"


def broken(answer: Answer) -> None:
    if succeeded(answer):
        answer.status = "500 Internal Server Error"


def off_schema(answer: Answer) -> None:
    if succeeded(answer):
        answer.body = json.dumps({"items": "none"}).encode()


def in_html(answer: Answer) -> None:
    answer.headers["Content-Type"] = "text/html"


def without_location(answer: Answer) -> None:
    answer.headers.pop("Location", None)


def everything_accepted(answer: Answer) -> None:
    if answer.status.startswith("400"):
        answer.status, answer.body = "200 OK", b'{"items": [], "next_cursor": null}'
        answer.headers["Content-Type"] = "application/json"


def everything_refused(answer: Answer) -> None:
    problem = {"status": 400, "title": "t", "detail": "d", "code": "c", "hint": "h", "type": "t"}
    answer.status, answer.body = "400 Bad Request", json.dumps(problem).encode()
    answer.headers["Content-Type"] = "application/problem+json"


@pytest.mark.parametrize(
    ("leaving", "label", "failure"),
    [
        (undocumented, LIST, "UndefinedStatusCode"),
        (broken, LIST, "ServerError"),
        (off_schema, LIST, "JsonSchemaError"),
        (in_html, LIST, "UndefinedContentType"),
        (without_location, "POST /v1/projects/{project_id}/test", "MissingHeaders"),
        (everything_accepted, LIST, "AcceptedNegativeData"),
        (everything_refused, LIST, "RejectedPositiveData"),
    ],
)
def test_a_planted_fault_is_found(
    world: ApiWorld, leaving: Callable[[Answer], None], label: str, failure: str
) -> None:
    assert failure in found(world, Faulty(world.app, leaving=leaving), label)


def test_a_key_that_nobody_checks_is_found(world: ApiWorld) -> None:
    def opened(environ: dict[str, Any]) -> None:
        environ["HTTP_AUTHORIZATION"] = world.headers["Authorization"]

    assert "IgnoredAuth" in found(world, Faulty(world.app, entering=opened), LIST)


def test_without_a_fault_nothing_is_found(world: ApiWorld) -> None:
    assert found(world, Faulty(world.app), LIST) == set()
