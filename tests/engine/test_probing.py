"""Whoever may name a host learns nothing from our answers about what listens there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from chalicelib.domain.backup import BackupOptions
from chalicelib.domain.connection import Connection, Endpoint, SslMode
from chalicelib.domain.errors import SourceUnreachable, TlsFailed
from tests.support.dumping import Dumper

BANNERS = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "smtp": b"220 mail.internal ESMTP\r\n",
    "mysql": b"J\x00\x00\x00\x0a8.0.36\x00",
    "redis": b"-ERR unknown command\r\n",
    "error": b"E\x00\x00\x00\x20SFATAL\x00C28P99\x00Minternal\x00\x00",
    "hangs up": b"",
}
CALLS: dict[str, Callable[[Dumper, Connection], object]] = {
    "test": lambda dumper, source: dumper.engine.test(source),
    "estimate": lambda dumper, source: dumper.engine.estimate(source, BackupOptions()),
    "backup": lambda dumper, source: dumper.engine.plan(source, BackupOptions()),
}


@pytest.fixture
def listening() -> Iterator[Callable[[bytes], int]]:
    """Listen on ports that say some bytes to whoever connects, and hang up."""
    with ExitStack() as stack:

        def listen(banner: bytes) -> int:
            server = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
            thread = threading.Thread(target=_greet, args=(server, banner), daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(server.shutdown, socket.SHUT_RDWR)
            return int(server.getsockname()[1])

        yield listen


def _greet(server: socket.socket, banner: bytes) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with closing(connection):
            connection.settimeout(5)
            connection.recv(1024)
            connection.sendall(banner)


def said(call: Callable[[Dumper, Connection], object], dumper: Dumper, endpoint: Endpoint) -> str:
    """Return everything that a caller is shown of a failure."""
    with pytest.raises(SourceUnreachable) as caught:
        call(dumper, Connection(endpoint, "s3cret"))
    return caught.value.info.model_dump_json()


@pytest.fixture
def closed(dumper: Dumper) -> Endpoint:
    """Give a port where nothing listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return Endpoint(host="127.0.0.1", port=server.getsockname()[1])


@pytest.mark.parametrize("sslmode", [SslMode.DISABLE, SslMode.PREFER, SslMode.REQUIRE])
@pytest.mark.parametrize("banner", BANNERS)
def test_another_protocol_looks_like_a_closed_port(
    dumper: Dumper,
    listening: Callable[[bytes], int],
    closed: Endpoint,
    banner: str,
    sslmode: SslMode,
) -> None:
    port = listening(BANNERS[banner])
    spoken = closed.model_copy(update={"port": port, "sslmode": sslmode})
    silent = closed.model_copy(update={"sslmode": sslmode})

    told = [said(CALLS["test"], dumper, one) for one in (spoken, silent)]

    assert told[0] == told[1]


def test_only_the_word_of_postgresql_itself_says_that_tls_is_not_there(
    dumper: Dumper, listening: Callable[[bytes], int], closed: Endpoint
) -> None:
    refusing = closed.model_copy(update={"port": listening(b"N"), "sslmode": SslMode.REQUIRE})

    with pytest.raises(TlsFailed):
        dumper.engine.test(Connection(refusing, "s3cret"))


@pytest.mark.parametrize("call", CALLS)
def test_an_unknown_name_looks_like_a_closed_port(
    dumper: Dumper, closed: Endpoint, call: str
) -> None:
    unknown = closed.model_copy(update={"host": "no-such-host.invalid"})

    told = [said(CALLS[call], dumper, one) for one in (unknown, closed)]

    assert told[0] == told[1]


def test_a_port_that_never_answers_looks_like_a_closed_one(
    dumper: Dumper, closed: Endpoint
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as blackhole:
        silent = closed.model_copy(update={"port": blackhole.getsockname()[1]})

        told = [said(CALLS["test"], dumper, one) for one in (silent, closed)]

    assert told[0] == told[1]


def test_nothing_of_the_way_is_told(dumper: Dumper, closed: Endpoint) -> None:
    told = said(CALLS["test"], dumper, closed)

    assert not [part for part in ("127.0.0.1", str(closed.port), "refused", "TCP") if part in told]
