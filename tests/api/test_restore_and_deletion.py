"""A restore and a deletion of the same backup exclude each other, on every catalog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.restore import Restore, RestoreOptions
from chalicelib.services.restores import NewRestore
from tests.support.meddling import meddled

TARGET = Connection(Endpoint(host="db.example.org", database="copy"), "canary-35bb")


@dataclass
class Kept:
    """Secrets that remember which names are in use."""

    inner: Any
    names: set[str]

    def __init__(self, inner: Any) -> None:
        self.inner, self.names = inner, set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def put(self, name: str, value: str) -> None:
        self.inner.put(name, value)
        self.names.add(name)

    def delete(self, name: str) -> None:
        self.inner.delete(name)
        self.names.discard(name)


@dataclass(frozen=True)
class Desk:
    """Two people at one service: what one does, and the same with the other coming in between."""

    services: Services
    backup: Backup
    project: Project

    def restore(self, services: Services | None = None, key: str | None = None) -> Restore:
        new = NewRestore(self.backup.id, TARGET, RestoreOptions(), key, "body")
        return (services or self.services).restores.request("key:1", new)

    def delete(self, services: Services | None = None) -> None:
        (services or self.services).backups.delete("key:2", self.backup.id)

    def with_others(self, act: Callable[[], object]) -> Services:
        return meddled(self.services, act)


@pytest.fixture
def desk(services: Services, backup: Backup, project: Project) -> Desk:
    return Desk(services, backup, project)


def test_a_deletion_in_between_refuses_the_restore(desk: Desk) -> None:
    secrets = Kept(desk.services.adapters.secrets)
    slow = desk.with_others(desk.delete)
    services = Services(slow.settings, replace(slow.adapters, secrets=secrets))

    with pytest.raises((NotFound, Conflict)):
        desk.restore(services)

    assert secrets.names == set()


def test_a_restore_in_between_refuses_the_deletion(desk: Desk) -> None:
    asked: list[Restore] = []

    with pytest.raises(Conflict, match="being restored"):
        desk.delete(desk.with_others(lambda: asked.append(desk.restore())))

    stored = desk.services.backups.get(desk.backup.id)
    assert (stored.chore, stored.restores) == (None, (asked[0].id,))
    assert desk.services.restores.get(asked[0].id).status is Status.PENDING


def test_two_restores_at_once_are_both_taken(desk: Desk) -> None:
    asked: list[Restore] = []

    second = desk.restore(desk.with_others(lambda: asked.append(desk.restore())))

    stored = desk.services.backups.get(desk.backup.id)
    assert stored.restores == (asked[0].id, second.id)


def test_a_repeated_request_in_between_is_the_same_restore(desk: Desk) -> None:
    asked: list[Restore] = []
    slow = desk.with_others(lambda: asked.append(desk.restore(key="once")))

    second = desk.restore(slow, key="once")

    assert [one.id for one in asked] == [second.id]
    assert desk.services.backups.get(desk.backup.id).restores == (second.id,)


def test_a_restore_that_ended_is_in_nobodys_way(desk: Desk) -> None:
    first = desk.restore()
    desk.services.restores.cancel("key:1", first.id)
    second = desk.restore()
    held = desk.services.backups.get(desk.backup.id).restores
    desk.services.restores.cancel("key:1", second.id)

    desk.delete()

    assert held == (second.id,)
    with pytest.raises(NotFound):
        desk.services.backups.get(desk.backup.id)
