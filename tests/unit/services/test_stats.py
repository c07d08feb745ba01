"""What is counted, when, and what counting must never break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.audit import AuditEvent, Notice
from chalicelib.domain.backup import Asked, Status
from chalicelib.domain.errors import (
    ChannelFailed,
    DumpFailed,
    HoldfastError,
    RevisionConflict,
)
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.proof import Outcome
from chalicelib.domain.record import Page, Query, Write
from chalicelib.domain.rollup import DayTally, Tally, total
from chalicelib.domain.sweep_state import SWEEPER, SweepState
from chalicelib.ports import Catalog, R
from chalicelib.services.figures import Figures
from chalicelib.services.ledger import MAX_COUNTING_TRIES, Ledger
from tests.support.world import World

TALLIES = st.builds(
    Tally,
    backups_completed=st.integers(0, 9),
    backup_raw_bytes=st.integers(0, 10**15),
    links_redeemed=st.integers(0, 9),
)


@given(st.lists(TALLIES, max_size=5))
def test_a_total_is_the_sum_of_every_field(tallies: list[Tally]) -> None:
    found = total(tallies)

    assert found.backups_completed == sum(one.backups_completed for one in tallies)
    assert found.backup_raw_bytes == sum(one.backup_raw_bytes for one in tallies)
    assert found.links_redeemed == sum(one.links_redeemed for one in tallies)


def tally_of(world: World, project_id: str) -> Tally:
    found = world.services.stats.of(world.services.projects.get(project_id), 30)
    return found.total


def test_a_run_that_ends_twice_is_counted_once(world: World) -> None:
    done = world.completed()

    world.run(done)

    assert tally_of(world, done.project_id).backups_completed == 1


def test_each_end_is_counted_as_what_it_is(world: World) -> None:
    done = world.completed()
    cancelled = world.again(done)
    world.services.backups.cancel("key:1", cancelled.id)
    failed = world.again(done)
    world.services.backup_runner("w").fail(failed.id, DumpFailed("it broke"))

    found = tally_of(world, done.project_id)

    ends = (found.backups_completed, found.backups_failed, found.backups_cancelled)
    assert ends == (1, 1, 1)


def verify(world: World, outcome: Outcome) -> str:
    done = world.completed()
    world.engine.outcome = outcome
    arguments = JobArguments(backup_id=done.id, level=Asked.PROOF)
    job = world.services.jobs.request("key:1", JobKind.VERIFY, done.project_id, arguments)
    world.services.job_runner("w").run(job.id)
    return done.project_id


def test_a_later_proof_is_counted_and_told_in_the_log(world: World) -> None:
    project_id = verify(world, Outcome.EQUAL)

    actions = [event.action for event in world.adapters.catalog.find(Query(AuditEvent)).items]
    assert tally_of(world, project_id).proofs_passed == 1
    assert "backup.proven" in actions


def test_a_later_proof_that_fails_is_counted_and_told_to_the_world(world: World) -> None:
    project_id = verify(world, Outcome.DIFFERENT)

    notices = [notice.event for notice in world.adapters.catalog.find(Query(Notice)).items]
    assert tally_of(world, project_id).proofs_failed == 1
    assert "proof.failed" in notices


def test_days_are_kept_apart(world: World) -> None:
    done = world.completed()
    world.clock.turn(timedelta(days=1))
    world.run(world.again(done))

    project = world.services.projects.get(done.project_id)
    days = world.services.stats.of(project, 2).days
    assert [(day, tally.backups_completed) for day, tally in days] == [
        ("2026-03-01", 1),
        ("2026-03-02", 1),
    ]


@dataclass
class CrowdedCatalog:
    """Refuse every commit that counts, as if somebody else were always first."""

    behind: Catalog
    refused: int = 0

    def get(self, kind: type[R], record_id: str) -> R:
        return self.behind.get(kind, record_id)

    def find(self, query: Query[R]) -> Page[R]:
        return self.behind.find(query)

    def commit(self, writes: Sequence[Write]) -> None:
        if any(isinstance(write.record, DayTally) for write in writes):
            self.refused += 1
            raise RevisionConflict("somebody was first")
        self.behind.commit(writes)


def test_a_crowd_costs_the_count_and_never_the_backup(world: World) -> None:
    crowd = CrowdedCatalog(world.adapters.catalog)
    ledger = replace(world.services.ledger, catalog=crowd)
    backup = world.request()

    done = replace(world.services.backup_runner("w"), ledger=ledger).run(backup.id)

    assert (done.status, crowd.refused) == (Status.COMPLETED, MAX_COUNTING_TRIES)
    assert tally_of(world, backup.project_id) == Tally()


# -- after a sweep


@dataclass
class Switch:
    """A dead-man's switch."""

    failure: HoldfastError | None = None
    pings: int = 0

    def ping(self) -> None:
        self.pings += 1
        if self.failure is not None:
            raise self.failure


def state_of(world: World) -> SweepState:
    return world.adapters.catalog.get(SweepState, SWEEPER)


def watching(world: World, switch: Switch, ledger: Ledger | None = None) -> None:
    """Sweep, with a switch."""
    sweeper = world.services.sweeper
    assert sweeper.watch is not None
    watch = replace(sweeper.watch, ping=switch.ping, ledger=ledger or sweeper.watch.ledger)
    replace(sweeper, watch=watch).sweep()


def test_a_healthy_sweep_reaches_the_switch(world: World) -> None:
    switch = Switch()

    watching(world, switch)

    assert (switch.pings, state_of(world).heartbeat_at) == (1, world.clock.now())


def test_a_sweep_with_problems_keeps_silent(world: World) -> None:
    switch = Switch()
    assert world.services.sweeper.watch is not None

    replace(world.services.sweeper.watch, ping=switch.ping).swept(problems=2)

    assert (switch.pings, state_of(world).problems) == (0, 2)


def test_a_switch_out_of_reach_is_kept_and_harms_nothing(world: World) -> None:
    watching(world, Switch())
    world.clock.turn(timedelta(minutes=5))

    watching(world, Switch(ChannelFailed("the receiver did not answer in time")))

    state = state_of(world)
    assert state.heartbeat_at == world.clock.now() - timedelta(minutes=5)
    assert state.heartbeat_error is not None
    assert state.at == world.clock.now()


def test_a_sweep_is_measured_for_alarms(world: World) -> None:
    seen: list[Figures] = []
    world.request()
    world.clock.turn(timedelta(seconds=30))

    watching(world, Switch(), replace(world.services.ledger, measure=seen.append))

    (figures,) = seen
    assert figures.values["SweeperRanCount"] == 1
    assert figures.values["QueueAgeSeconds"] == pytest.approx(30)
    assert figures.values["OldestSuccessAgeSeconds"] == pytest.approx(30)
