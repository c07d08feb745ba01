"""F5, F8, F10: workers that are killed, limited, started twice, or asleep past their lease."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.errors import NotFound
from chalicelib.domain.object_keys import attempt_prefix
from tests.faults.cells import COMPLETED, ONLY_AWS, Act, Cell, Draw, Finding, Trial, ends
from tests.faults.nursery import Trouble
from tests.faults.processes import Worker
from tests.faults.stand import Stand
from tests.support.crashes import Fuse, fused
from tests.support.stack import SETS

ENDLESS: Final = 1_000_000
ASLEEP_TOO_LATE: Final = "the worker may have come to its end before it is put to sleep"
ENOUGH: Final = "the limit that was drawn may be enough for a whole run"
LATER: Final = timedelta(hours=13)
"""Past every lease."""
LOST: Final = ends("worker_lost", "completed")
SHORT: Final = ends("worker_exhausted", "storage_failed", "worker_lost", "completed")
Sleep = Callable[[Stand, Draw, Backup], Worker]


def killed_in_the_stream(stand: Stand, draw: Draw) -> Trial:
    """Kill the worker process when so much of the stream has come."""
    with stand.proxy(draw.percent) as proxy:
        backup = stand.stack.request(stand.through(proxy))
        proxy.at_limit = lambda: worker.send(signal.SIGKILL)
        worker = stand.fork(backup)
        worker.wait()
    stand.finish(backup)
    return Trial(backup, LOST, f"{draw.percent:.0f} %", proxy.reached.is_set())


def killed_at_a_moment(stand: Stand, draw: Draw) -> Trial:
    """Kill the worker process after some time."""
    after_s = draw.chance.uniform(0.0, 0.8)
    backup = stand.stack.request(stand.source)
    worker = stand.fork(backup)
    struck = worker.outlives(after_s)
    worker.send(signal.SIGKILL)
    worker.wait()
    stand.finish(backup)
    return Trial(backup, LOST, f"after {after_s:.2f} s", struck)


def killed_at_a_call(stand: Stand, draw: Draw) -> Trial:
    """Kill the worker process right before or right after one of its calls, each in turn."""
    number, after = draw.turn // 2 % _calls(stand) + 1, bool(draw.turn % 2)
    backup = stand.stack.request(stand.source)
    mark = stand.clients.parents[2] / f"struck-{backup.id}"
    stand.fork(backup, Trouble(number, after, mark=str(mark))).wait()
    stand.finish(backup)
    return Trial(backup, LOST, f"{'after' if after else 'before'} call {number}", mark.exists())


def limited(expected: frozenset[str], low: int, high: int, name: str) -> Act:
    """Give the worker process less of something than it may want."""

    def act(stand: Stand, draw: Draw) -> Trial:
        value = draw.chance.randrange(low, high)
        backup = stand.stack.request(stand.source)
        stand.fork(backup, Trouble(limits={name: value})).wait()
        struck = stand.ended_otherwise(backup)
        stand.finish(backup)
        return Trial(backup, expected, f"{name} {value}", struck)

    return act


def at_once(stand: Stand, draw: Draw) -> Trial:
    """Start two to ten workers with the same backup."""
    count = draw.chance.randint(2, 10)
    backup = stand.stack.request(stand.source)
    for worker in [stand.fork(backup) for _ in range(count)]:
        worker.wait()
    done = stand.record(backup)
    twice = () if done.attempt == 1 else (Finding(f"there were {done.attempt} attempts"),)
    return Trial(backup, COMPLETED, f"{count} workers", faults=twice)


def long_after(stand: Stand, draw: Draw) -> Trial:
    """Start a worker with a backup that ended hours ago."""
    backup = stand.stack.request(stand.source)
    stand.run(backup)
    before = (stand.record(backup), stand.objects(backup))
    stand.run(backup, ahead=timedelta(hours=6))
    stand.fork(backup).wait()
    is_same = (stand.record(backup), stand.objects(backup)) == before
    return Trial(backup, COMPLETED, faults=() if is_same else (Finding("a late event changed it"),))


def without_its_password(stand: Stand, draw: Draw) -> Trial:
    """Start a worker with a backup whose project's password is gone."""
    backup = stand.stack.request(stand.source)
    project = stand.services.projects.get(backup.project_id)
    stand.services.adapters.secrets.delete(project.secret_name)
    stand.run(backup)
    return Trial(backup, ends(NotFound.code))


def asleep_in_the_stream(stand: Stand, draw: Draw, backup: Backup) -> Worker:
    """Start a worker that is stopped as soon as it has begun an attempt."""
    worker = stand.fork(backup)
    worker.await_that(lambda: stand.record(backup).attempt == 1)
    worker.outlives(draw.chance.uniform(0.0, 0.3))
    worker.send(signal.SIGSTOP)
    return worker


def asleep_at_a_call(stand: Stand, draw: Draw, backup: Backup) -> Worker:
    """Start a worker that stops itself at one of its calls, each in turn."""
    number, after = draw.turn // 2 % _calls(stand) + 1, bool(draw.turn % 2)
    return stand.fork(backup, Trouble(number, after, signal.SIGSTOP))


def zombie(sleep: Sleep, *, taken_over: bool) -> Act:
    """Let a worker sleep past its lease; another ends the backup; then the sleeper wakes up."""

    def act(stand: Stand, draw: Draw) -> Trial:
        backup = stand.stack.request(stand.source)
        worker = sleep(stand, draw, backup)
        is_asleep = worker.await_stop()
        if taken_over:
            stand.run(backup, ahead=LATER)
        else:
            stand.sweep(backup, ahead=LATER)
        before = _outcome(stand, backup)
        worker.send(signal.SIGCONT)
        worker.wait()
        pending = before[0].status is Status.PENDING
        stand.finish(backup)
        is_same = pending or _outcome(stand, backup) == before
        faults = () if is_same else (Finding("the sleeper changed what had ended"),)
        expected = ends("completed", "worker_lost", "deadline_exceeded")
        return Trial(backup, expected, struck=is_asleep, faults=faults)

    return act


def _outcome(stand: Stand, backup: Backup) -> tuple[Backup, dict[str, int]]:
    """Return what nobody may change any more: not the sweeper's chore, nor an attempt given up."""
    record = stand.record(backup).model_copy(update={"chore": None, "revision": 0})
    prefix = attempt_prefix(record)
    found = stand.objects(backup).items()
    return record, {key: size for key, size in found if key.startswith(prefix)}


def _calls(stand: Stand) -> int:
    """Count the calls of a whole run, once."""
    if not stand.calls:
        fuse = Fuse(ENDLESS, after=False)
        backup = stand.stack.request(stand.source)
        services = Services(stand.services.settings, fused(stand.services.adapters, fuse))
        stand.run(backup, services=services)
        stand.forget(backup)
        stand.calls = fuse.calls
    return stand.calls


CELLS: Final = (
    Cell("F5", "worker killed in the stream", killed_in_the_stream, weight=12),
    Cell(
        "F5",
        "worker killed at a moment",
        killed_at_a_moment,
        weight=12,
        may_miss="the worker may have come to its end by then",
    ),
    Cell("F5", "worker killed at a call", killed_at_a_call, weight=30),
    Cell("F8", "the same event at once", at_once, weight=5),
    Cell("F8", "an event hours late", long_after, weight=2),
    Cell("F8", "the password is gone", without_its_password),
    *(
        Cell("F10", name, zombie(sleep, taken_over=over), sets, weight, may_miss=ASLEEP_TOO_LATE)
        for name, sleep, over, sets, weight in (
            ("asleep, then swept", asleep_in_the_stream, False, SETS, 5),
            ("asleep, then taken over", asleep_in_the_stream, True, ONLY_AWS, 5),
            ("asleep at a call, swept", asleep_at_a_call, False, SETS, 8),
            ("asleep at a call, taken over", asleep_at_a_call, True, ONLY_AWS, 8),
        )
    ),
    Cell(
        "F12",
        "few open files",
        limited(
            SHORT,
            8,
            22,
            "RLIMIT_NOFILE",
        ),
        weight=3,
        may_miss=ENOUGH,
    ),
    Cell(
        "F12",
        "little memory",
        limited(
            SHORT,
            20 << 20,
            110 << 20,
            "RLIMIT_DATA",
        ),
        weight=3,
        may_miss=ENOUGH,
    ),
)
