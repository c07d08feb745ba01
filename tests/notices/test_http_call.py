"""What calling somebody else's server may cost and where it may lead, over real sockets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, cycle
from pathlib import Path
from threading import Event

import pytest

from chalicelib.adapters.host_guard import PublicHosts
from chalicelib.adapters.http_call import HttpCaller, HttpRequest
from chalicelib.adapters.system import SystemClock
from chalicelib.domain.errors import ChannelFailed
from chalicelib.domain.http_target import HttpTarget, any_http_target
from tests.support.receiver import raw_server, receiver

CLOCK = SystemClock()
QUICK = HttpCaller(CLOCK, connect_timeout_s=0.5, deadline_s=0.6)
GET = HttpRequest("GET")
NAME = "hooks.example.org"
STAND_IN = "127.0.0.2"
"""Plays a public address in these tests, for only this machine is reached."""


def guarded(resolve: Callable[[str], tuple[str, ...]]) -> HttpCaller:
    guard = PublicHosts(resolve, CLOCK, lambda _: None, lambda address: address == STAND_IN)
    return replace(QUICK, guard=guard)


def test_status_headers_and_body_go_and_come() -> None:
    with receiver() as server:
        request = HttpRequest("POST", {"Holdfast-Id": "N1"}, b'{"a": 1}')

        status = QUICK.call(any_http_target(server.url("/a?b=c")), request)

    (received,) = server.requests
    assert (status, received.path, received.body) == (204, "/a?b=c", b'{"a": 1}')
    assert received.headers["Host"] == f"127.0.0.1:{server.port}"
    assert received.headers["Holdfast-Id"] == "N1"


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with receiver() as inside, receiver() as server:
        server.status, server.headers = 302, {"Location": inside.url()}

        assert QUICK.call(any_http_target(server.url()), GET) == 302

    assert inside.requests == []


def drip(connection: socket.socket) -> None:
    connection.recv(4096)
    for letter in cycle(b"H"):
        connection.sendall(bytes([letter]))
        Event().wait(0.05)


def answer_for_ever(line: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in cycle(b"x"):
            connection.sendall(line)
            Event().wait(0.01)

    return talk


def hang(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.recv(1)  # until the caller has gone


@pytest.mark.parametrize(
    "talk",
    [
        hang,
        drip,
        lambda connection: connection.recv(4096) and connection.close(),
        lambda connection: connection.recv(4096) and connection.sendall(b"SSH-2.0-x\r\n"),
        lambda connection: connection.recv(4096) and connection.sendall(b"x" * 100_000),
        lambda connection: connection.recv(4096) and connection.sendall(b"HTTP/1.1 999 x\r\n"),
        answer_for_ever(b"X"),
        answer_for_ever(b"X-More: of it\r\n"),
    ],
    ids=[
        *("hangs", "drips", "closes", "another protocol", "endless line", "no status"),
        *("drips a header", "endless headers"),
    ],
)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_whatever_a_receiver_does_ends_within_the_deadline(
    talk: Callable[[socket.socket], object], *, tls: bool
) -> None:
    with raw_server(talk) as port:
        began = CLOCK.monotonic()

        with pytest.raises(ChannelFailed):
            QUICK.call(HttpTarget("127.0.0.1", port, "/", tls=tls), GET)

        assert CLOCK.monotonic() - began < 3


def test_a_body_without_end_is_not_waited_for() -> None:
    with raw_server(answer_for_ever(b"X: y\r\n\r\nbody")) as port:
        assert QUICK.call(HttpTarget("127.0.0.1", port, "/", tls=False), GET) == 200


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(hang) as nobody, receiver() as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{nobody}")

        assert QUICK.call(any_http_target(server.url()), GET) == 204


def test_nobody_at_the_port_is_a_failure_that_names_no_address() -> None:
    with raw_server(lambda connection: connection.close()) as port:
        pass

    with pytest.raises(ChannelFailed, match="did not answer in time") as failed:
        QUICK.call(HttpTarget("127.0.0.1", port, "/canary", tls=False), GET)

    assert "127.0.0.1" not in failed.value.message
    assert "canary" not in failed.value.message


@pytest.fixture
def trusted(root_certificate: Path) -> HttpCaller:
    def context() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=root_certificate)

    return replace(QUICK, tls_context=context)


def test_a_certificate_for_the_name_is_taken(trusted: HttpCaller, server_certificate: Path) -> None:
    with receiver(server_certificate) as server:
        assert trusted.call(any_http_target(server.url()), GET) == 204


def test_a_certificate_nobody_vouches_for_is_refused(server_certificate: Path) -> None:
    with receiver(server_certificate) as server, pytest.raises(ChannelFailed, match="no TLS"):
        QUICK.call(any_http_target(server.url()), GET)

    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(
    trusted: HttpCaller, server_certificate: Path
) -> None:
    caller = replace(trusted, guard=guarded(lambda _: (STAND_IN,)).guard)
    with receiver(server_certificate, STAND_IN) as server, pytest.raises(ChannelFailed):
        caller.call(any_http_target(server.url(host=NAME)), GET)

    assert server.requests == []


def test_a_public_name_is_reached_at_the_address_that_was_checked() -> None:
    with receiver(host=STAND_IN) as server:
        target = any_http_target(server.url(host=NAME))

        assert guarded(lambda _: (STAND_IN,)).call(target, GET) == 204

    assert server.requests[0].headers["Host"] == f"{NAME}:{server.port}"


def rebinding() -> Callable[[str], tuple[str, ...]]:
    """Be a resolver that says a public address once and an inner one from then on."""
    answers: Iterator[int] = count()
    return lambda _: (STAND_IN,) if next(answers) % 2 == 0 else ("127.0.0.1",)


def test_a_name_that_changes_after_the_check_leads_nowhere_else() -> None:
    resolve = rebinding()
    with receiver() as inside:
        target = any_http_target(inside.url(host=NAME))
        for _ in range(100):
            with pytest.raises(ChannelFailed):
                guarded(resolve).call(target, GET)

    assert inside.requests == []


@pytest.mark.parametrize("also", [(), (STAND_IN,)], ids=["alone", "beside a public one"])
def test_a_name_with_an_inner_address_is_not_called(also: tuple[str, ...]) -> None:
    with receiver() as inside:
        target = any_http_target(inside.url(host=NAME))

        with pytest.raises(ChannelFailed, match="did not answer in time"):
            guarded(lambda _: (*also, "127.0.0.1")).call(target, GET)

    assert inside.requests == []
