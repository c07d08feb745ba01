from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from chalicelib.cli.interruption import Interruption
from chalicelib.cli.invocation import Invocation
from chalicelib.cli.service import Service, open_service, raise_unless_completed
from chalicelib.domain.errors import (
    BY_CODE,
    CODES,
    HoldfastError,
    IntegrityFailed,
    Internal,
    InvalidRequest,
    NotFound,
    SourceUnreachable,
    StorageFailed,
    Unauthenticated,
)

Answer = tuple[str, bytes]
Asked = list[dict[str, Any]]


class Scripted:
    """A web service that gives prepared answers and keeps what it was asked."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = iter(answers)
        self.asked: Asked = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
        status, body = next(self.answers)
        self.asked.append(environ)
        headers = [("Location", "http://store/objects/x")] if status.startswith("302") else []
        start(status, headers)
        return [body]


def _ok(value: object) -> Answer:
    return "200 OK", json.dumps(value).encode()


@pytest.fixture
def scripted() -> Iterator[Callable[..., tuple[Service, Asked]]]:
    clients: list[httpx.Client] = []

    def make(*answers: Answer) -> tuple[Service, Asked]:
        app = Scripted(list(answers))
        client = httpx.Client(
            transport=httpx.WSGITransport(app=app),
            base_url="http://api",
            headers={"Authorization": "Bearer secret"},
        )
        clients.append(client)
        return Service(client, _until, "api"), app.asked

    yield make
    for client in clients:
        client.close()


def _until(predicate: Callable[[], bool]) -> None:
    while not predicate():
        pass


def test_a_problem_becomes_its_error_with_the_fields_it_names(scripted: Any) -> None:
    problem = {
        "code": "not_found",
        "detail": "there is no such thing",
        "hint": "Look again.",
        "errors": [{"field": "id", "message": "is unknown"}],
    }
    service, _ = scripted(("404 Not Found", json.dumps(problem).encode()))

    with pytest.raises(NotFound) as caught:
        service.request("GET", "/v1/x")

    assert caught.value.message == "there is no such thing; id: is unknown"
    assert caught.value.hint == "Look again."


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"code": "unheard of"}', b""])
def test_an_answer_of_somebody_else_is_told_as_that(scripted: Any, body: bytes) -> None:
    service, _ = scripted(("502 Bad Gateway", body))

    with pytest.raises(Internal, match="status 502"):
        service.request("GET", "/v1/x")


def test_every_code_has_its_own_class_again() -> None:
    assert {code: BY_CODE[code].code for code in CODES} == {code: code for code in CODES}
    assert all(BY_CODE[code] is not HoldfastError for code in CODES)


def test_a_list_goes_on_over_short_pages_up_to_the_limit(scripted: Any) -> None:
    service, asked = scripted(
        _ok({"items": [1], "next_cursor": "a"}),
        _ok({"items": [], "next_cursor": "b"}),
        _ok({"items": [2, 3], "next_cursor": "c"}),
    )

    page = service.listed("/v1/things", {"cursor": None, "q": "x"}, 3)

    assert page == {"items": [1, 2, 3], "next_cursor": "c"}
    queries = [dict(parse_qsl(environ["QUERY_STRING"])) for environ in asked]
    assert queries == [
        {"q": "x", "limit": "3"},
        {"q": "x", "limit": "2", "cursor": "a"},
        {"q": "x", "limit": "2", "cursor": "b"},
    ]


def test_waiting_sees_every_state_until_the_end(scripted: Any) -> None:
    service, _ = scripted(_ok({"status": "pending"}), _ok({"status": "completed"}))
    seen: list[str] = []

    ended = service.ended("/v1/jobs/1", lambda state: seen.append(state["status"]))

    assert seen == ["pending", "completed"]
    assert ended["status"] == "completed"


def test_a_download_does_not_show_our_key_to_the_store(scripted: Any) -> None:
    service, asked = scripted(("302 Found", b""), ("200 OK", b"bytes"))

    with service.stream("http://api/downloads/t") as response:
        body = b"".join(response.iter_raw())

    assert body == b"bytes"
    assert [environ.get("HTTP_AUTHORIZATION") for environ in asked] == [None, None]


def test_a_service_that_is_not_there_is_named_without_its_key() -> None:
    with httpx.Client(base_url="http://127.0.0.1:1", headers={"Authorization": "secret"}) as http:
        service = Service(http, _until, "backups.example.org")

        with pytest.raises(SourceUnreachable, match=r"backups\.example\.org") as caught:
            service.request("GET", "/v1/x")

    assert "secret" not in str(caught.value)


def test_a_run_that_failed_raises_its_own_error() -> None:
    ended = {
        "id": "b1",
        "status": "failed",
        "error": {"code": "integrity_failed", "message": "it differs", "hint": "Do not use it."},
    }

    with pytest.raises(IntegrityFailed, match="backup b1: it differs"):
        raise_unless_completed(ended, "backup")


def test_a_run_that_completed_raises_nothing() -> None:
    raise_unless_completed({"id": "b1", "status": "completed"}, "backup")


@pytest.mark.parametrize("status", ["200 OK", "201 Created"])
@pytest.mark.parametrize("body", [b"<html>welcome</html>", b"\xff\xfe"])
def test_a_page_of_somebody_else_is_no_answer(scripted: Any, status: str, body: bytes) -> None:
    service, _ = scripted((status, body))

    with pytest.raises(Internal, match="not as Holdfast does") as caught:
        service.request("GET", "/v1/x")

    assert "HOLDFAST_URL" in caught.value.hint


def test_a_redirect_is_not_taken_for_an_answer(scripted: Any) -> None:
    service, _ = scripted(("302 Found", b""))

    with pytest.raises(Internal, match="status 302"):
        service.request("GET", "/v1/x")


def test_an_empty_answer_is_none(scripted: Any) -> None:
    service, _ = scripted(("204 No Content", b""))

    assert service.request("DELETE", "/v1/x") is None


def test_parameters_that_were_not_given_are_not_sent(scripted: Any) -> None:
    service, asked = scripted(_ok({}))

    service.request("GET", "/v1/x", query={"q": "a&b", "from": None})

    assert dict(parse_qsl(asked[0]["QUERY_STRING"])) == {"q": "a&b"}


@pytest.mark.parametrize("limit", [1, 200, 201, 450])
def test_no_page_is_larger_than_the_service_allows(scripted: Any, limit: int) -> None:
    pages = [_ok({"items": [0] * size, "next_cursor": "c"}) for size in _sizes(limit)]
    service, asked = scripted(*pages)

    page = service.listed("/v1/x", {"cursor": None}, limit)

    sent = [int(dict(parse_qsl(environ["QUERY_STRING"]))["limit"]) for environ in asked]
    assert (sent, len(page["items"])) == (_sizes(limit), limit)


def _sizes(limit: int) -> list[int]:
    return [200] * (limit // 200) + ([limit % 200] if limit % 200 else [])


def test_a_link_that_has_ended_is_told_as_that(scripted: Any) -> None:
    problem = {"code": "not_found", "detail": "this link is not valid", "hint": "Ask again."}
    service, _ = scripted(("404 Not Found", json.dumps(problem).encode()))

    with pytest.raises(NotFound, match="not valid"), service.stream("http://api/downloads/t"):
        pass


def _opened(environment: dict[str, str], data: Path | None = None) -> Service:
    with open_service(Invocation(environment, Interruption()), data) as service:
        return service


@pytest.mark.parametrize("url", ["http://[bad", "localhost:8080", "ftp://host", "http://", "/x"])
def test_an_address_that_is_none_is_wrong_usage(url: str) -> None:
    with pytest.raises(InvalidRequest, match="HOLDFAST_URL is not the URL"):
        _opened({"HOLDFAST_URL": url, "HOLDFAST_API_KEY": "k"})


def test_a_key_that_no_header_can_carry_is_refused_unrepeated() -> None:
    with pytest.raises(Unauthenticated) as caught:
        _opened({"HOLDFAST_URL": "http://host", "HOLDFAST_API_KEY": "schlüssel"})

    assert "schl" not in caught.value.message + caught.value.hint


def test_a_url_needs_a_key() -> None:
    with pytest.raises(Unauthenticated, match="HOLDFAST_API_KEY is not"):
        _opened({"HOLDFAST_URL": "http://host"})


def test_a_named_data_folder_goes_before_the_url(tmp_path: Path) -> None:
    environment = {"HOLDFAST_URL": "http://host", "HOLDFAST_API_KEY": "k"}

    assert _opened(environment, tmp_path / "data").host == "this machine"
    assert _opened(environment).host == "host"


@pytest.mark.parametrize("data", ["/proc/holdfast", "/dev/null"])
def test_a_data_folder_that_cannot_be_is_a_storage_failure(data: str) -> None:
    with pytest.raises(StorageFailed, match="data folder cannot be used"):
        _opened({}, Path(data))
