"""Stopping the web server while requests are at work."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.local.server import ApiServer
from chalicelib.settings import Settings


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return embedded(Settings(data=tmp_path))


@contextmanager
def _asking(url: str) -> Iterator[None]:
    """Ask for the health of a service again and again, from two threads, until it is gone."""
    answered = threading.Semaphore(0)
    is_over = threading.Event()  # somebody else may answer on the same port by then

    def ask() -> None:
        try:
            while httpx.get(url + "/health").is_success and not is_over.is_set():
                answered.release()
        except httpx.TransportError:
            return

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    assert answered.acquire(timeout=10)
    yield
    is_over.set()
    for asker in askers:
        asker.join()


def _open_files() -> set[str]:
    links = Path("/proc/self/fd").iterdir()
    return {name for link in links if (name := _target(link)).startswith(("pipe:", "socket:"))}


def _target(link: Path) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 - it names no file, so it is no path
    except FileNotFoundError:
        return ""  # the folder itself was open while it was listed


@pytest.mark.parametrize("_", range(10))
def test_a_stop_in_the_middle_of_requests_is_clean(services: Services, _: int) -> None:
    server = ApiServer(services)
    server.start()

    with _asking(server.url):
        server.stop()

    with pytest.raises(httpx.TransportError):
        httpx.get(server.url + "/health")


def test_nothing_stays_open_after_a_stop(services: Services) -> None:
    before = _open_files()
    server = ApiServer(services)
    server.start()
    httpx.get(server.url + "/health")

    server.stop()
    server.stop()

    assert _open_files() <= before


def test_a_server_that_never_started_can_be_stopped(services: Services) -> None:
    server = ApiServer(services)
    port = httpx.URL(server.url).port

    server.stop()

    again = ApiServer(services, port=port or 0)
    again.stop()
    assert again.url == server.url
