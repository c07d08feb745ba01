"""How a command ends: its code, what it says, and where."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from chalicelib.cli.exit_codes import EXIT_CODES
from chalicelib.domain.errors import CODES

Answering = Callable[[int, bytes], str]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Start a web server that gives one answer to everything, and return its URL."""
    servers: list[HTTPServer] = []

    def start(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("code", CODES)
def test_every_error_of_a_service_ends_with_its_exit_code(
    shell: Any, answering: Answering, code: str
) -> None:
    problem = {"code": code, "detail": "it went wrong", "hint": "Do this."}
    url = answering(418, json.dumps(problem).encode())

    done = shell.run("projects", "list", HOLDFAST_URL=url, HOLDFAST_API_KEY="k")

    assert (done.code, done.out) == (EXIT_CODES[code], "")
    assert done.err == "error: it went wrong\nhint: Do this.\n"


@pytest.mark.parametrize("code", CODES)
def test_with_json_a_failure_is_one_document_on_stdout(
    shell: Any, answering: Answering, code: str
) -> None:
    problem = {"code": code, "detail": "it went wrong", "hint": "Do this."}
    url = answering(418, json.dumps(problem).encode())

    done = shell.run("projects", "list", "--json", HOLDFAST_URL=url, HOLDFAST_API_KEY="k")

    error = {"code": code, "message": "it went wrong", "hint": "Do this."}
    assert (done.code, done.json, done.err) == (EXIT_CODES[code], {"error": error}, "")


@pytest.mark.parametrize("status", [200, 301, 404, 500, 503])
def test_somebody_else_s_web_server_is_told_as_that(
    shell: Any, answering: Answering, status: int
) -> None:
    url = answering(status, b"<html>welcome</html>")

    done = shell.run("backups", "list", HOLDFAST_URL=url, HOLDFAST_API_KEY="canary-61")

    assert done.code == 1
    assert f"status {status}" in done.err
    assert "canary" not in done.err


@pytest.mark.parametrize("words", [("dump", "--json"), ("nonsense", "--json"), ("keys", "--json")])
def test_wrong_usage_with_json_is_a_document_too(shell: Any, words: tuple[str, ...]) -> None:
    done = shell.run(*words)

    assert (done.code, done.json["error"]["code"]) == (2, "invalid_request")
    assert done.json["error"]["hint"].startswith("See holdfast")


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("dump", "-h"), ("keys", "--help")])
def test_asking_for_help_is_no_failure(shell: Any, words: tuple[str, ...]) -> None:
    done = shell.run(*words)

    assert (done.code, done.err) == (0, "")
    assert "holdfast" in done.out


def test_a_missing_service_is_named_by_host_alone(shell: Any) -> None:
    url = "http://user:canary-62@127.0.0.1:1"

    done = shell.run("keys", "list", HOLDFAST_URL=url, HOLDFAST_API_KEY="canary-63")

    assert done.code == 1
    assert "127.0.0.1 did not answer" in done.err
    assert "canary" not in done.out + done.err


@pytest.mark.parametrize("data", ["/proc/holdfast", "/dev/null"])
@pytest.mark.parametrize("words", [("keys", "list"), ("backups", "list"), ("up", "--port", "0")])
def test_a_data_folder_that_cannot_be_is_told_as_that(
    shell: Any, words: tuple[str, ...], data: str
) -> None:
    done = shell.run(*words, HOLDFAST_DATA=data)

    assert done.code == 1
    assert "data folder cannot be used" in done.err
    assert "--data" in done.err
