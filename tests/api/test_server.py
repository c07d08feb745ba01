"""The server over real sockets."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import Conflict
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.local.server import ApiServer
from chalicelib.services.access import NewKey

pytestmark = pytest.mark.embedded_only  # what is asked here is the local server


@pytest.fixture
def server(services: Services) -> Iterator[ApiServer]:
    made = ApiServer(services, "127.0.0.1", 0)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def remote(server: ApiServer, services: Services) -> Iterator[httpx.Client]:
    _, token = services.access.create("test", NewKey("test", Role.ADMIN))
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as made:
        yield made


def talk(server: ApiServer, sent: bytes) -> bytes:
    """Send bytes as they are, return what comes back until the server closes."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def test_the_address_is_known_before_the_start(services: Services) -> None:
    server = ApiServer(services, "127.0.0.1", 0)

    port = urlsplit(server.url).port

    server.stop()
    assert port not in {None, 0}


def test_a_taken_port_is_refused_with_a_hint(server: ApiServer, services: Services) -> None:
    port = urlsplit(server.url).port
    assert port is not None

    with pytest.raises(Conflict, match=str(port)):
        ApiServer(services, "127.0.0.1", port)


def test_stopping_frees_the_port_and_ends_the_threads(services: Services) -> None:
    before = threading.active_count()
    server = ApiServer(services, "127.0.0.1", 0)
    server.start()
    httpx.get(f"{server.url}/health").raise_for_status()

    server.stop()
    server.stop()

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/health")
    assert threading.active_count() <= before


def test_many_requests_at_once_do_not_mix(
    remote: httpx.Client, make_backup: Callable[..., Backup], project: Project
) -> None:
    made = [make_backup(project, name=f"b{number}") for number in range(20)]

    with ThreadPoolExecutor(8) as pool:
        shown = list(pool.map(lambda b: remote.get(f"/v1/backups/{b.id}").json(), made * 5))

    assert [(s["id"], s["name"]) for s in shown] == [(b.id, b.name) for b in made * 5]


def test_a_waiting_request_does_not_hold_others_up(
    remote: httpx.Client, services: Services, project: Project
) -> None:
    job = services.jobs.request("test", JobKind.TEST, project.id, JobArguments())

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(remote.get, f"/v1/jobs/{job.id}", params={"wait": 3})
        quick = remote.get("/health")
        was_waiting = not waiting.done()

    assert (quick.status_code, was_waiting, waiting.result().status_code) == (200, True, 200)


def test_a_large_download_is_whole_and_costs_little_memory(
    server: ApiServer, remote: httpx.Client, make_backup: Callable[..., Backup], project: Project
) -> None:
    content = hashlib.sha256(b"seed").digest() * (1 << 20)  # 32 MiB
    backup = make_backup(project, content)
    token = remote.post(f"/v1/backups/{backup.id}/links").json()["token"]
    signed = urlsplit(remote.get(f"/downloads/{token}").headers["location"])
    seen = hashlib.sha256()

    tracemalloc.start()
    with httpx.stream("GET", f"{server.url}{signed.path}?{signed.query}") as answer:
        for chunk in answer.iter_bytes():
            seen.update(chunk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert seen.hexdigest() == backup.artefacts[0].checksum.value
    assert peak < 16 << 20


def test_a_broken_download_resumes_where_it_broke(
    server: ApiServer, remote: httpx.Client, make_backup: Callable[..., Backup], project: Project
) -> None:
    content = bytes(range(256)) * 1024
    backup = make_backup(project, content)
    token = remote.post(f"/v1/backups/{backup.id}/links").json()["token"]
    received = b""

    for headers in ({"Range": "bytes=0-99999"}, {"Range": "bytes=100000-"}):
        signed = urlsplit(remote.get(f"/downloads/{token}").headers["location"])
        received += httpx.get(f"{server.url}{signed.path}?{signed.query}", headers=headers).content

    assert received == content


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /health HTTP/1.0\r\n\r\n", b" 200 "),
        (b"GET //evil/health HTTP/1.0\r\n\r\n", b" 404 "),
        (b"GET /h\xc3\xa9alth HTTP/1.0\r\n\r\n", b" 400 "),
        (b"GET /v1/backups HTTP/1.0\r\nAuthorization: Bearer \xff\xfe\r\n\r\n", b" 401 "),
        (b"POST /v1/backups HTTP/1.0\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99999, b" 413 "),
        (b"POST /v1/backups HTTP/1.0\r\nContent-Length: 9999999999\r\n\r\n", b" 413 "),
        (b"POST /v1/backups HTTP/1.0\r\nContent-Length: x\r\n\r\n", b" 400 "),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b" 400 "),
    ],
)
def test_hostile_requests_are_answered_and_the_server_goes_on(
    server: ApiServer, sent: bytes, status: bytes
) -> None:
    received = talk(server, sent)

    assert status in received.partition(b"\r\n")[0]
    assert httpx.get(f"{server.url}/health").status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /v1/backups HTTP/1.0\r\nContent-Length: 9999999999\r\n\r\n", 413),
        (b"POST /v1/backups HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /v1/backups HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: rot13\r\n\r\n", 501),
        (b"GET /h\xc3\xa9alth HTTP/1.0\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nX: a\rb\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nX canary-4f2a\r\n\r\n", 400),
        (b"\x00\x00\x00\x08\x04\xd2\x16/\r\n\r\n", 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_the_server_itself_refuses_is_a_problem_too(
    server: ApiServer, sent: bytes, status: int
) -> None:
    head, _, body = talk(server, sent).partition(b"\r\n\r\n")

    problem = json.loads(body)
    assert head.startswith(f"HTTP/1.{head[7:8].decode()} {status} ".encode())
    assert b"Content-Type: application/problem+json" in head
    assert head.count(b"Content-Length") == 1
    assert (problem["status"], b"canary" in body) == (status, False)


def test_an_endless_head_is_cut_off(server: ApiServer) -> None:
    received = b""

    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        received = talk(server, b"GET /" + b"x" * 3_000_000)

    assert b" 200 " not in received
    assert httpx.get(f"{server.url}/health").status_code == 200


def test_ipv6_is_written_in_brackets(services: Services) -> None:
    server = ApiServer(services, "::1", 0)
    server.start()

    answer = httpx.get(f"{server.url}/health")

    server.stop()
    assert server.url.startswith("http://[::1]:")
    assert answer.status_code == 200
