"""The WSGI edge itself, called with the environments that servers make."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any
from wsgiref.validate import validator

import httpx
import pytest

from chalicelib.api.problems import Refused
from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.local.server import web_app
from chalicelib.local.wsgi import read_body
from chalicelib.services.access import NewKey

pytestmark = pytest.mark.embedded_only  # what is asked here is the local server

Asked = tuple[int, dict[str, str], bytes]


class Unreadable(BytesIO):
    """Fail when anybody reads."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError(f"somebody read {size} bytes")


@pytest.fixture
def ask(services: Services) -> Callable[..., Asked]:
    """Call the application as a WSGI server would, under the checks of wsgiref."""
    app = validator(web_app(services))

    def call(method: str, path: str, stream: BytesIO | None = None, **environ: Any) -> Asked:
        seen: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            seen.extend([int(status.split(maxsplit=1)[0]), {k.lower(): v for k, v in headers}])

        base = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "holdfast.test",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": stream or BytesIO(),
            "wsgi.errors": BytesIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        result = app(base | environ, start_response)
        body = b"".join(result)
        result.close()  # type: ignore[attr-defined]  # the validator's iterator has one
        return seen[0], seen[1], body

    return call


@pytest.fixture
def bearer(services: Services) -> str:
    _, token = services.access.create("test", NewKey("test", Role.ADMIN))
    return f"Bearer {token}"


def test_a_body_that_is_declared_too_large_is_never_read(ask: Callable[..., Asked]) -> None:
    status, headers, _ = ask("POST", "/v1/projects", Unreadable(), CONTENT_LENGTH="65537")

    assert (status, headers["content-type"]) == (413, "application/problem+json")


@pytest.mark.parametrize("length", ["+5", "1e3", "x", "\u0663", "1_0", " 5"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    environ = {"CONTENT_LENGTH": length, "wsgi.input": Unreadable()}

    with pytest.raises(Refused) as refused:
        read_body(environ)

    assert refused.value.problem.status == 400


def test_without_a_length_only_a_stream_that_ends_itself_is_read(
    ask: Callable[..., Asked], bearer: str
) -> None:
    def status(stream: BytesIO, **environ: Any) -> int:
        return ask("POST", "/v1/projects", stream, HTTP_AUTHORIZATION=bearer, **environ)[0]

    ended = {"wsgi.input_terminated": True}
    assert status(Unreadable()) == 400
    assert status(BytesIO(b'{"host": "h"}'), **ended) == 201
    assert status(BytesIO(b" " * 65_537), **ended) == 413


def test_head_is_get_without_the_body(ask: Callable[..., Asked]) -> None:
    got, looked = ask("GET", "/health"), ask("HEAD", "/health")

    assert (looked[0], looked[1], looked[2]) == (got[0], got[1], b"")
    assert looked[1]["content-length"] == str(len(got[2]))


def test_options_names_the_methods(ask: Callable[..., Asked]) -> None:
    status, headers, body = ask("OPTIONS", "/v1/backups/x")

    assert (status, body) == (204, b"")
    assert headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", ["", "//evil/health", "/health\xe9", "*", "/h\x00", "/[", "/v1/"])
def test_a_path_that_cannot_be_is_not_found(
    ask: Callable[..., Asked], method: str, path: str
) -> None:
    if path and not path.startswith("/"):
        with pytest.raises(AssertionError):  # wsgiref refuses it before we could
            ask(method, path)
        return

    assert ask(method, path)[0] == 404


@pytest.mark.parametrize("path", ["/v1/backups", "/nowhere"])
def test_a_header_that_is_not_ascii_breaks_nothing(ask: Callable[..., Asked], path: str) -> None:
    status, _, body = ask(
        "GET", path, HTTP_AUTHORIZATION="Bearer hf_\xe9_\xff", HTTP_X_NAME="\xe9\xff"
    )

    assert status == (401 if path == "/v1/backups" else 404)
    assert b"hf_" not in body


def test_an_idempotency_key_that_is_not_ascii_is_refused(
    ask: Callable[..., Asked], bearer: str
) -> None:
    status, _, body = ask(
        *("POST", "/v1/backups", BytesIO(b'{"project_id": "x"}')),
        CONTENT_LENGTH="19",
        HTTP_AUTHORIZATION=bearer,
        HTTP_IDEMPOTENCY_KEY="\xe9",
    )

    assert status == 400
    assert b"Idempotency-Key" in body


def test_no_content_has_no_content_headers(ask: Callable[..., Asked], bearer: str) -> None:
    _, headers, _ = ask("OPTIONS", "/health", HTTP_AUTHORIZATION=bearer)

    assert not {"content-type", "content-length"} & headers.keys()


def test_a_trailing_slash_means_the_same(client: httpx.Client) -> None:
    assert client.get("/v1/backups/").json() == client.get("/v1/backups").json()
