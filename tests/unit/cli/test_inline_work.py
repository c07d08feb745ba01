"""When a command works itself, and when it only watches."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.cli.inline_work import InlineWork
from chalicelib.cli.interruption import Interruption
from chalicelib.cli.invocation import Invocation
from chalicelib.domain.errors import Cancelled, Conflict
from chalicelib.local.data_lock import DataLock
from chalicelib.settings import Settings


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return embedded(Settings(data=tmp_path))


def _work(services: Services, interruption: Interruption | None = None) -> InlineWork:
    return InlineWork(services, Invocation({}, interruption or Interruption()))


def _is_locked(data: Path) -> bool:
    try:
        with DataLock(data):
            return False
    except Conflict:
        return True


def test_what_holds_already_takes_no_lock(services: Services) -> None:
    with DataLock(services.settings.data):
        _work(services).until(lambda: True)

    assert not _is_locked(services.settings.data)


def test_the_lock_is_held_while_it_works_and_not_longer(services: Services) -> None:
    seen: list[bool] = []

    def has_looked() -> bool:
        seen.append(_is_locked(services.settings.data))
        return len(seen) > 2

    _work(services).until(has_looked)

    assert seen == [False, True, True]
    assert not _is_locked(services.settings.data)


def test_it_takes_over_once_the_other_supervisor_is_gone(services: Services) -> None:
    other = DataLock(services.settings.data).__enter__()
    looks: list[bool] = []

    def has_looked() -> bool:
        looks.append(_is_locked(services.settings.data))
        if len(looks) == 2:
            other.__exit__()
        return len(looks) > 3

    _work(services).until(has_looked)

    assert looks[:2] == [True, True]
    assert looks[-1]  # by now the lock is our own


def test_an_interruption_is_told_after_the_workers_were_ended(services: Services) -> None:
    interruption = Interruption()

    def is_interrupted_meanwhile() -> bool:
        interruption.asked = True
        return False

    with pytest.raises(Cancelled):
        _work(services, interruption).until(is_interrupted_meanwhile)

    assert not _is_locked(services.settings.data)


def test_an_interrupted_look_does_not_claim_that_the_work_was_ended(services: Services) -> None:
    def is_interrupted() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(Cancelled) as caught:
        _work(services).until(is_interrupted)

    assert "goes on" in caught.value.hint
