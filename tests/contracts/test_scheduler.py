"""What every scheduler promises of its entries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.domain.errors import NotFound
from chalicelib.ports import ScheduleEntry, Scheduler


def entry(name: str = "S1") -> ScheduleEntry:
    return ScheduleEntry(
        name=name,
        expression="cron(0 3 * * ? *)",
        timezone="Europe/Berlin",
        input_json='{"schedule_id": "S1"}',
    )


@pytest.mark.parametrize(
    "written",
    [
        entry(),
        replace(entry(), enabled=False),
        replace(entry(), window_minutes=15),
        replace(entry(), expression="rate(1 day)", timezone="UTC"),
        replace(entry(), expression="at(2030-01-31T02:30:07)", timezone="UTC"),
        replace(entry(), input_json='{"text": "ü\\n"}'),
    ],
    ids=str,
)
def test_an_entry_is_read_back(scheduler: Scheduler, written: ScheduleEntry) -> None:
    scheduler.put(written)

    assert scheduler.get("S1") == written


def test_an_entry_is_replaced_as_a_whole(scheduler: Scheduler) -> None:
    scheduler.put(replace(entry(), window_minutes=15, enabled=False))

    scheduler.put(entry())

    assert scheduler.get("S1") == entry()


def test_a_missing_entry_is_not_found(scheduler: Scheduler) -> None:
    with pytest.raises(NotFound):
        scheduler.get("S1")


def test_a_deleted_entry_is_gone_and_the_others_stay(scheduler: Scheduler) -> None:
    scheduler.put(entry("S1"))
    scheduler.put(entry("S2"))

    scheduler.delete("S1")

    assert list(scheduler.names()) == ["S2"]


def test_deleting_a_missing_entry_is_fine(scheduler: Scheduler) -> None:
    scheduler.delete("S1")

    assert list(scheduler.names()) == []


def test_all_names_are_listed(scheduler: Scheduler) -> None:
    names = [f"S{number:03d}" for number in range(60)]
    for name in names:
        scheduler.put(entry(name))

    assert sorted(scheduler.names()) == names


def test_puts_of_threads_leave_one_entry(scheduler: Scheduler) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: scheduler.put(entry()), range(16)))

    assert list(scheduler.names()) == ["S1"]
    assert scheduler.get("S1") == entry()
