"""What a run's record tells of its way, over real embedded adapters and a scripted engine."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chalicelib.domain import moves
from chalicelib.domain.backup import Backup, Status, Step
from chalicelib.domain.errors import SourceLost
from chalicelib.domain.progress import Progress
from chalicelib.domain.record import Write
from chalicelib.domain.run_steps import MAX_STEPS
from chalicelib.domain.runs import Run
from chalicelib.postgres_ports import Watch
from tests.support.world import World

SECOND = timedelta(seconds=1)


def way(run: Run) -> list[str]:
    return [f"{one.step}/{one.phase}" if one.phase else one.step for one in run.steps]


def told(phase: str, at: datetime) -> Progress:
    return Progress(id="x", phase=phase, at=at)


def test_a_backup_keeps_every_step_and_when_it_began(world: World) -> None:
    def during(watch: Watch) -> None:
        world.clock.turn(7 * SECOND)
        watch.check(told("dump", world.clock.now()))

    world.engine.during = during
    begun_at = world.clock.now()

    done = world.run(world.request())

    assert way(done) == ["prepare", "dump", "verify", "seal", "complete"]
    assert [(one.began_at - begun_at).seconds for one in done.steps] == [0, 0, 7, 7, 7]


def test_the_proof_is_a_phase_of_the_verification(world: World) -> None:
    done = world.run(world.request(verification="proof"))

    assert way(done)[2:4] == ["verify", "verify/proof"]


def test_a_second_attempt_stands_beside_the_first(world: World) -> None:
    failures = [SourceLost("the server went away")]

    def during(watch: Watch) -> None:
        watch.check()
        if failures:
            raise failures.pop()

    world.engine.during = during

    done = world.run(world.request())

    dumps = [one.attempt for one in done.steps if one.step == "dump"]
    assert (done.status, dumps) == (Status.COMPLETED, [1, 2])


def test_a_failed_backup_keeps_its_way(world: World) -> None:
    def during(watch: Watch) -> None:
        raise SourceLost("the server went away")

    world.engine.during = during

    done = world.run(world.request())

    assert (done.status, way(done)) == (Status.FAILED, ["prepare", "dump", "dump"])


def test_a_restore_keeps_its_phases(world: World) -> None:
    def during(watch: Watch) -> None:
        for phase in ("preflight", "restore", "restore", "compare"):
            world.clock.turn(SECOND)
            watch.check(told(phase, world.clock.now()))

    world.restorer.during = during

    done = world.run_restore(world.request_restore(world.completed()))

    assert way(done) == [
        "prepare", "restore", "restore/fetch", "restore/preflight", "restore/restore",
        "restore/compare",
    ]  # fmt: skip


def test_a_phase_is_seen_while_it_goes_on(world: World) -> None:
    backup = world.request(verification="proof")
    seen: list[list[str]] = []
    world.engine.proving = lambda watch: seen.append(way(world.backup(backup)))

    world.run(backup)

    assert seen[0][-1] == "verify/proof"


def test_saying_the_same_phase_again_writes_no_record(world: World) -> None:
    backup = world.request()
    revisions: list[int] = []

    def during(watch: Watch) -> None:
        for _ in range(5):
            world.clock.turn(SECOND)
            watch.check(told("dump", world.clock.now()))
            revisions.append(world.backup(backup).revision)

    world.engine.during = during

    world.run(backup)

    assert len(revisions) == 5
    assert len(set(revisions)) == 1


@pytest.mark.parametrize("tries", [3, 60])
def test_a_step_that_is_begun_again_and_again_does_not_fill_the_record(
    world: World, tries: int
) -> None:
    backup = world.request()

    stamp = world.services.ledger.stamp("worker-1")

    def claimed(found: Backup) -> tuple[Write, ...]:
        return moves.claimed(found, stamp, step=Step.PREPARE, deadline=stamp.now)

    for _ in range(tries):
        world.adapters.catalog.commit(claimed(world.backup(backup))[:1])

    assert len(world.backup(backup).steps) == min(tries, MAX_STEPS)


@pytest.mark.parametrize("kind", ["backup", "restore"])
def test_a_record_of_before_still_loads_and_goes_on(world: World, kind: str) -> None:
    backup = world.completed()
    run: Run = backup if kind == "backup" else world.request_restore(backup)

    before = type(run).model_validate_json(run.model_dump_json(exclude={"steps"}))

    assert before.steps == ()
    assert before.model_copy(update={"steps": run.steps}) == run
