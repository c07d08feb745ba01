"""The whole service on one machine: lock, web server, supervisor, housekeeping."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.access import ApiKey, Role
from chalicelib.domain.record import Query
from chalicelib.local.data_lock import DataLock
from chalicelib.local.server import ApiServer
from chalicelib.local.supervision import Say, supervisor_of
from chalicelib.local.supervisor import Supervisor
from chalicelib.services.access import NewKey
from chalicelib.settings import Settings

ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - names, not a bind
OPERATOR: Final = "operator"


@dataclass(frozen=True)
class Place:
    """Say where a service runs; port 0 takes any free one."""

    settings: Settings
    environment: Mapping[str, str] = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8080


@dataclass(frozen=True)
class RunningService:
    """Hold a service that answers at `url`; its supervisor works while it is asked to."""

    services: Services
    url: str
    supervisor: Supervisor


@contextmanager
def running_service(place: Place, say: Say) -> Iterator[RunningService]:
    """Own the data folder, answer requests, and be ready to run workers; main thread only.

    At the end the door closes first, so that nothing new comes in while workers are ended.
    """
    place = _settled(place)
    with DataLock(place.settings.data):
        services = embedded(place.settings)
        with supervisor_of(services, place.environment, say, runs_schedules=True) as supervisor:
            # after the sweep, so that nobody is shown a run that a crash left open
            server = ApiServer(services, place.host, place.port)
            server.start()
            try:
                yield RunningService(services, server.url, supervisor)
            finally:
                server.stop()


def first_key(services: Services) -> str | None:
    """Make an admin key when there is no key yet, and return its token; None when there is one."""
    if services.access.find(Query(ApiKey, limit=1)).items:
        return None
    _, token = services.access.create(OPERATOR, NewKey("first key", Role.ADMIN))
    return token


def _settled(place: Place) -> Place:
    """Fix port and public URL, which records and links need before anything listens."""
    port = place.port or _free_port(place.host)
    if "public_url" in place.settings.model_fields_set:
        return Place(place.settings, place.environment, place.host, port)
    host = ANYWHERE.get(place.host, place.host)
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    settings = place.settings.model_copy(update={"public_url": url})
    return Place(settings, place.environment, place.host, port)


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
