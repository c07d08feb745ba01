"""The stand-in's session pooler: takes users as ROLE.REF and passes their sessions on, unchanged.

Only the first message of a session is read. It speaks no TLS, as its server does not.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import closing, suppress
from typing import Final

SSL_REQUEST: Final = 80877103
GSS_REQUEST: Final = 80877104
CANCEL_REQUEST: Final = 80877102
MIN_STARTUP_BYTES: Final = 8
MAX_STARTUP_BYTES: Final = 10_000
CHUNK_BYTES: Final = 64 * 1024


class SessionPooler:
    """Listen on a free port of the loopback until it is closed."""

    def __init__(self, server_port: int, ref: str) -> None:
        """Begin to listen, in front of a server on this machine."""
        self._server_port = server_port
        self._suffix = f".{ref}".encode()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Stop listening and end all sessions."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.cut()

    def cut(self) -> None:
        """End all sessions as a pooler that restarts does."""
        with self._lock:
            lines = tuple(self._open)
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._session, args=(line,), daemon=True).start()

    def _session(self, client: socket.socket) -> None:
        with closing(client), suppress(OSError, struct.error, ValueError):
            message = self._first_message(client)
            if message is None:
                client.sendall(_refusal("Tenant or user not found"))
                return
            with socket.create_connection(("127.0.0.1", self._server_port)) as server:
                server.sendall(message)
                self._pass_on(client, server)

    def _first_message(self, client: socket.socket) -> bytes | None:
        while True:
            (length,) = struct.unpack("!i", _exactly(client, 4))
            if not MIN_STARTUP_BYTES <= length <= MAX_STARTUP_BYTES:
                raise ValueError("not a PostgreSQL client")
            body = _exactly(client, length - 4)
            (code,) = struct.unpack("!i", body[:4])
            if code == CANCEL_REQUEST:
                return struct.pack("!i", length) + body
            if code not in {SSL_REQUEST, GSS_REQUEST}:
                return self._rewritten(body)
            client.sendall(b"N")

    def _rewritten(self, body: bytes) -> bytes | None:
        words = body[4:].split(b"\0")
        user_at = words.index(b"user") + 1
        if not words[user_at].endswith(self._suffix):
            return None
        words[user_at] = words[user_at].removesuffix(self._suffix)
        changed = body[:4] + b"\0".join(words)
        return struct.pack("!i", len(changed) + 4) + changed

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with self._lock:
            self._open |= {client, server}
        # one thread per direction: a server talks unasked, in notices and copies
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()
        with self._lock:
            self._open -= {client, server}


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # one side went: the other learns it below
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data)
    for line in (source, target):
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def _exactly(line: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        chunk = line.recv(length - len(data))
        if not chunk:
            raise ValueError("the client went")
        data += chunk
    return data


def _refusal(message: str) -> bytes:
    fields = b"SFATAL\0VFATAL\0CXX000\0M" + message.encode() + b"\0\0"
    return b"E" + struct.pack("!i", len(fields) + 4) + fields
