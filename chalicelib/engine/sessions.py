"""Own the database sessions of one run, and end all of them when the run breaks off."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import psycopg

from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import Cancelled
from chalicelib.engine.connection import Session, SessionOptions, open_session
from chalicelib.engine.crew import Crew

FAREWELL_S: Final = 0.6
LOOK_S: Final = 0.02
ENDING_LOOKS: Final = 250
"""Seconds that the server gets to end our sessions before we cut the way to it."""

TERMINATE: Final = (
    b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    b" WHERE application_name = %s AND pid <> pg_backend_pid()"
)
COUNT_OTHERS: Final = (
    b"SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()"
)


def mark_of(run_id: str) -> str:
    """Return the name that sessions of one run carry in pg_stat_activity."""
    # random, so that a run that was given up can never end the sessions of its successor
    return f"holdfast {run_id[:40]} {secrets.token_hex(4)}"


class Sessions:
    """Open sessions to one address under one mark; leaving the block ends them all.

    The first session decides the address; every later one, and pg_dump, is pinned to it, so that a
    name which resolves differently the second time leads nowhere else.
    """

    def __init__(self, connection: Connection, options: SessionOptions, crew: Crew) -> None:
        """Open nothing yet; `crew` are the threads that use the sessions."""
        self.connection = connection
        self.options = options
        self._crew = crew
        self._open: list[Session] = []
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Give the sessions themselves."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every session; after an error, end those of pg_dump on the server as well."""
        with self._lock:
            self._closed = True
            sessions = tuple(self._open)
        if error is not None and sessions:
            self._say_farewell(sessions[0])
            for session in sessions:
                _sever(session)
        # libpq may not free a connection that another thread is in; a severed one costs nothing.
        if self._crew.settle():
            for session in sessions:
                session.close()

    def open(self) -> Session:
        """Open one more session; raises Cancelled when the run has ended meanwhile."""
        session = open_session(self.connection, self.options)
        with self._lock:
            if not self._closed:
                self._open.append(session)
                if self.options.hostaddr is None and not self.connection.endpoint.is_socket:
                    self.options = replace(self.options, hostaddr=session.info.hostaddr)
                return session
        session.close()
        raise Cancelled("the run ended while a session was being opened")

    def renewed(self, lost: Session) -> Session:
        """Open a session in place of one that was lost, and end all others of this run.

        The server may not have noticed the loss, and would keep the locks of what it still runs.
        May be called again with the same one when it failed.
        """
        with self._lock:
            self._open = [one for one in self._open if one is not lost]
        _sever(lost)
        lost.close()
        session = self.open()
        self._terminate_others(session, ENDING_LOOKS)
        return session

    def _say_farewell(self, session: Session) -> None:
        # A backend that waits for a lock or counts rows would not notice that its client left.
        pool = ThreadPoolExecutor(1)
        wait([pool.submit(self._terminate_others, session)], timeout=FAREWELL_S)
        pool.shutdown(wait=False)

    def _terminate_others(self, session: Session, looks: int | None = None) -> None:
        """End them and look until they are gone, at most so many times."""
        mark = (self.options.application_name,)
        pause = threading.Event()
        with suppress(psycopg.Error):  # the server may be what broke
            session.execute(b"ROLLBACK")
            session.execute(TERMINATE, mark)
            while looks != 0 and session.execute(COUNT_OTHERS, mark).fetchone() != (0,):
                looks = None if looks is None else looks - 1
                pause.wait(LOOK_S)


def _sever(session: Session) -> None:
    """Break the socket, so that a thread waiting in this session comes back at once."""
    with (
        suppress(OSError, psycopg.Error),  # it is broken already
        socket.socket(fileno=os.dup(session.fileno())) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)
