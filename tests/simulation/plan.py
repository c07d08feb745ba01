"""What a case is: who asks for what, and what goes wrong where. All of it comes from one seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0


class Kind(StrEnum):
    """Name what goes wrong at a port call."""

    ERROR = "error"
    LOST_ANSWER = "lost-answer"
    UNEXPECTED = "unexpected"
    DELAY = "delay"
    PAUSE = "pause"
    CRASH_BEFORE = "crash-before"
    CRASH_AFTER = "crash-after"
    TERMINATE = "terminate"
    JUMP = "clock-jump"
    STALE_LIST = "stale-list"
    DUPLICATE = "duplicate-start"
    LATE = "late-start"
    DROPPED = "dropped-start"
    CORRUPT = "corrupt-part"
    CHILD_DIES = "child-dies"
    CHILD_FAILS = "child-fails-at-the-end"


@dataclass(frozen=True)
class Fault:
    """Strike an actor at its first fitting call from number `call` on; `seconds` where it lasts."""

    actor: str
    call: int
    kind: Kind
    seconds: float = 0.0


@dataclass(frozen=True)
class Script:
    """Say what the people behind one backup do; seconds count from the start of the case."""

    project: int
    at_s: float
    twin: bool = False
    again_at_s: float | None = None
    cancel_at_s: float | None = None
    link: bool = False
    delete: bool = False
    verify: bool = False


@dataclass(frozen=True)
class Appointment:
    """Say what a schedule runs, and when alarms for it go off: seconds, with what they name.

    Without a `project` it runs for all. `disable_at_s` is when somebody takes it out of use for a
    minute.
    """

    every_min: int
    project: int | None = 0
    queues: bool = False
    alarms: tuple[tuple[float, int], ...] = ()
    disable_at_s: float | None = None


@dataclass(frozen=True)
class Case:
    """One history to be played. `stop_kills`: whether ending an execution ends its process.

    On one machine it does; a function of AWS runs on after its execution was stopped.
    """

    seed: int
    stop_kills: bool
    scripts: tuple[Script, ...]
    faults: tuple[Fault, ...]
    sweeps: tuple[float, ...]
    appointments: tuple[Appointment, ...] = ()


_PLACES: Final = (("worker", 70, 14), ("sweep", 45, 6), ("client", 14, 2), ("janitor", 20, 1))
"""Who is struck: the kind of actor, its usual number of calls, and how often it is chosen."""

_LASTING: Final = {
    Kind.DELAY: (1.0, 8 * MINUTE_S),
    Kind.PAUSE: (20.0, 3 * HOUR_S),
    Kind.LATE: (MINUTE_S, 6 * HOUR_S),
    Kind.DUPLICATE: (1.0, 20 * MINUTE_S),
}
"""How long what lasts does, in seconds: the shortest and the longest."""
LONGEST_JUMP_S: Final = 6 * HOUR_S
HAUNTED: Final = 0.3
"""The share of cases that are about workers who come back."""
_AROUND_THE_SEAL: Final = (44, 62)
STALE_LISTS: Final = 12
"""Calls of a sweep from the first on, the listing of running backups among them."""
_STARTS: Final = (Kind.DUPLICATE, Kind.LATE, Kind.DROPPED)
_STUMBLES: Final = (
    Kind.ERROR,
    Kind.LOST_ANSWER,
    Kind.UNEXPECTED,
    Kind.TERMINATE,
    Kind.CORRUPT,
    Kind.CHILD_DIES,
    Kind.CHILD_FAILS,
)
_ENDS: Final = (Kind.CRASH_BEFORE, Kind.CRASH_AFTER)
_ANYWHERE: Final = (*_ENDS, Kind.DELAY, Kind.PAUSE, Kind.JUMP, Kind.ERROR, Kind.LOST_ANSWER)
_SWEEPS: Final = ((10, 0, 90), (6, 90, HOUR_S), (6, HOUR_S, 4 * HOUR_S))
"""Sweeps of a case: how many between which times. The early ones meet workers at work, as the
sweep does that follows every lost worker."""


def case_of(seed: int) -> Case:
    """Return the case of a seed: one to four backups; alone, a backup meets more of the faults."""
    random = Random(f"case {seed}")
    if random.random() < HAUNTED:
        return _haunted(seed, random)
    backups = random.choice((1, 1, 2, 3, 4, 4))
    scripts = tuple(_script(random) for _ in range(backups))
    troubles = [_trouble(random, backups) for _ in range(random.randint(0, 2 + backups))]
    return Case(
        seed=seed,
        stop_kills=random.choice((True, False)),
        scripts=scripts,
        faults=tuple(fault for trouble in troubles for fault in trouble),
        sweeps=tuple(_sweeps(random)),
    )


def _haunted(seed: int, random: Random) -> Case:
    """Return a case in which two workers of one backup are held up past their leases.

    Sweeps come all the while, some of them slow: what a lease and its generation are for.
    """
    faults = [Fault("client-1", 1, Kind.DUPLICATE, random.choice((0.1, 200.0)))]
    for number in (1, 2):
        faults += _return(random, f"worker-{number}")
    for number in (1, 2, 3):
        call, seconds = random.randint(3, 12), round(random.uniform(0.3, 9), 3)
        faults.append(Fault(f"sweep-{number}", call, Kind.DELAY, seconds))
    early = [random.uniform(2, 40) for _ in range(random.choice((0, 3, 6)))]
    late = [random.uniform(60, 900) for _ in range(random.choice((1, 3, 5)))]
    script = Script(project=0, at_s=0.0, link=random.random() < 0.3)
    return Case(seed, False, (script,), tuple(faults), tuple(sorted(early + late)))


def narrow_case_of(seed: int) -> Case:
    """Return a case in which a worker is held up at its seal while a slow sweep ends its run."""
    random = Random(f"narrow {seed}")
    twins = random.random() < 0.7
    pause_s = 20.0 if twins else 500.0
    faults = [Fault("client-1", 1, Kind.DUPLICATE, 0.1)] if twins else []
    for number in (1, 2):
        worker, call = f"worker-{number}", random.randint(48, 53)
        faults.append(Fault(worker, call, Kind.PAUSE, pause_s))
        if not twins:
            faults.append(Fault(worker, call + random.randint(2, 5), Kind.CRASH_AFTER))
    if twins:
        faults.append(Fault("sweep-1", random.randint(6, 12), Kind.DELAY, pause_s))
    sweep_s = random.uniform(8, 25) if twins else random.uniform(380, 480)
    return Case(seed, False, (Script(project=0, at_s=0.0),), tuple(faults), (sweep_s,))


def slow_case_of(seed: int) -> Case:
    """Return a case of a worker that takes long, though never too long, under sweeps that see the
    past: the lease of a step that is over has run out while the next one's is alive."""
    random = Random(f"slow {seed}")
    preparing = Fault("worker-1", random.randint(4, 8), Kind.DELAY, random.uniform(70, 110))
    dumping = Fault("worker-1", random.randint(15, 25), Kind.DELAY, random.uniform(90, 110))
    lists = [(sweep, call) for sweep in (2, 3) for call in range(1, STALE_LISTS + 1)]
    stale = [Fault(f"sweep-{sweep}", call, Kind.STALE_LIST) for sweep, call in lists]
    sweeps = (random.uniform(1, 60), random.uniform(160, 200), random.uniform(160, 200), 400.0)
    script = Script(project=0, at_s=0.0)
    return Case(seed, True, (script,), (preparing, dumping, *stale), tuple(sorted(sweeps)))


def _return(random: Random, worker: str) -> Iterator[Fault]:
    # the calls around the seal are where a run can still turn out either way
    call = random.choice((random.randint(1, 68), random.randint(*_AROUND_THE_SEAL)))
    if random.random() < 0.3:
        yield _lasting(random, worker, call, random.choice(_STUMBLES))
        call += random.randint(1, 6)
    longest_s = random.choice((40, 850))
    yield Fault(worker, call, Kind.PAUSE, round(random.uniform(longest_s / 8, longest_s), 3))
    if random.random() < 0.4:
        yield Fault(worker, call + random.randint(1, 6), random.choice(_ENDS))


def _script(random: Random) -> Script:
    at_s = random.uniform(0, 30)

    def sometimes(share: float, most_s: float) -> float | None:
        return at_s + random.uniform(0, most_s) if random.random() < share else None

    return Script(
        project=random.randrange(2),
        at_s=at_s,
        twin=random.random() < 0.2,
        again_at_s=sometimes(0.3, HOUR_S),
        cancel_at_s=sometimes(0.2, 20),
        link=random.random() < 0.3,
        delete=random.random() < 0.15,
        verify=random.random() < 0.15,
    )


def _sweeps(random: Random) -> Iterator[float]:
    # in some cases most sweeps do not come, as when a schedule is broken
    share = random.choice((1.0, 1.0, 0.3))
    for count, start_s, end_s in _SWEEPS:
        times = sorted(random.uniform(start_s, end_s) for _ in range(count))
        yield from (time for time in times if random.random() < share)


def _trouble(random: Random, backups: int) -> list[Fault]:
    """Return faults that belong together: the worst of them need company to do harm."""
    worker = f"worker-{random.randint(1, backups)}"
    call = random.randint(1, 70)
    match random.randrange(7):
        case 0:  # it stumbles, and is held up while it clears
            later = call + random.randint(1, 14)
            return [
                _lasting(random, worker, call, random.choice(_STUMBLES)),
                _lasting(random, worker, later, Kind.PAUSE),
            ]
        case 1:  # it wakes up late, and dies a little later
            later = call + random.randint(1, 8)
            return [
                _lasting(random, worker, call, Kind.PAUSE),
                _lasting(random, worker, later, random.choice(_ENDS)),
            ]
        case 2:  # two workers get the same execution, one of them is held up
            number = random.randint(1, backups)
            return [
                _lasting(random, f"client-{number}", 1, Kind.DUPLICATE),
                _lasting(random, f"worker-{number}", call, Kind.PAUSE),
            ]
        case 3:
            number = random.randint(1, backups)
            return [_lasting(random, f"client-{number}", 1, random.choice(_STARTS))]
        case 4:
            return [_lasting(random, worker, call, random.choice(_STUMBLES))]
        case _:
            role, calls, _ = random.choices(_PLACES, [place[2] for place in _PLACES])[0]
            number = random.randint(1, 12 if role == "sweep" else backups)
            kind = random.choice((*_ANYWHERE, *((Kind.STALE_LIST,) * (2 * (role == "sweep")))))
            return [_lasting(random, f"{role}-{number}", random.randint(1, calls), kind)]


def _lasting(random: Random, actor: str, call: int, kind: Kind) -> Fault:
    if kind is Kind.JUMP:
        return Fault(actor, call, kind, round(random.uniform(-LONGEST_JUMP_S, LONGEST_JUMP_S), 3))
    shortest_s, longest_s = _LASTING.get(kind, (0.0, 0.0))
    if longest_s == 0.0:
        return Fault(actor, call, kind)
    # by orders of magnitude: a few seconds are a race, minutes outlive a lease, hours a worker
    seconds = math.exp(random.uniform(math.log(shortest_s), math.log(longest_s)))
    return Fault(actor, call, kind, round(seconds, 3))
