"""Cases about schedules: alarms that come twice, late or never, sweeps, clocks astray."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

from tests.simulation.plan import MINUTE_S, Appointment, Case, Fault, Kind

LENGTH_MIN: Final = 40
CLOCK_ASTRAY_S: Final = 15 * MINUTE_S
_STRIKES: Final = (
    Kind.CRASH_BEFORE,
    Kind.CRASH_AFTER,
    Kind.ERROR,
    Kind.LOST_ANSWER,
    Kind.STALE_LIST,
    Kind.DELAY,
    Kind.PAUSE,
    Kind.JUMP,
)
_STARTS: Final = (Kind.DUPLICATE, Kind.LATE, Kind.DROPPED)


def schedule_case_of(seed: int) -> Case:
    """Return the case of a seed: one to three schedules over forty minutes."""
    random = Random(f"schedules {seed}")
    appointments = tuple(_appointment(random) for _ in range(random.choice((1, 1, 2, 3))))
    sweeps = [random.uniform(0, LENGTH_MIN * MINUTE_S) for _ in range(random.choice((3, 8, 16)))]
    # a sweep and its twin, as when two functions get the same event
    twins = [at_s + random.uniform(0, 2) for at_s in sweeps if random.random() < 0.4]
    alarms = sum(len(one.alarms) for one in appointments)
    times = tuple(sorted(sweeps + twins))
    faults = tuple(_faults(random, alarms, len(times)))
    return Case(seed, random.choice((True, False)), (), faults, times, appointments)


def _appointment(random: Random) -> Appointment:
    every_min = random.choice((5, 10, 15))
    alarms = tuple(
        alarm
        for minute in range(every_min, LENGTH_MIN, every_min)
        for alarm in _alarms(random, minute)
    )
    return Appointment(
        every_min=every_min,
        project=random.choice((0, 1, None)),
        queues=random.random() < 0.5,
        alarms=alarms,
        disable_at_s=random.uniform(0, 30 * MINUTE_S) if random.random() < 0.2 else None,
    )


def _alarms(random: Random, minute: int) -> Iterator[tuple[float, int]]:
    """Yield the alarms of one run: none, one, two at once, or one that comes much later."""
    at_s = minute * MINUTE_S + random.uniform(0, 2)
    for _ in range(random.choice((0, 1, 1, 2))):
        yield at_s + random.uniform(0, 1), minute
    if random.random() < 0.2:
        yield at_s + random.uniform(MINUTE_S, 20 * MINUTE_S), minute


def _faults(random: Random, alarms: int, sweeps: int) -> Iterator[Fault]:
    places = [*(f"alarm-{n}" for n in range(alarms)), *(f"sweep-{n + 1}" for n in range(sweeps))]
    for _ in range(random.randint(0, 2)):  # a run that is held up until the next one is due
        worker, call = f"worker-{random.randint(1, 4)}", random.randint(5, 40)
        yield Fault(worker, call, Kind.PAUSE, round(random.uniform(60, 20 * MINUTE_S), 3))
    for _ in range(random.randint(0, 6)):
        kind = random.choice((*_STRIKES, *_STARTS))
        call = random.randint(1, 14)
        seconds = {
            Kind.JUMP: random.uniform(-CLOCK_ASTRAY_S, CLOCK_ASTRAY_S),
            Kind.DELAY: random.uniform(0.5, 60),
            Kind.PAUSE: random.uniform(60, 20 * MINUTE_S),
            Kind.DUPLICATE: random.uniform(0.1, 60),
            Kind.LATE: random.uniform(1, 10 * MINUTE_S),
        }.get(kind, 0.0)
        yield Fault(random.choice(places), call, kind, round(seconds, 3))
