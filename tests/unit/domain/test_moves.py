"""Promises of the decisions about a backup."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import moves, runs
from chalicelib.domain.audit import AuditEvent, Notice
from chalicelib.domain.backup import MOVES, Backup, Lease, Status, Step
from chalicelib.domain.errors import (
    Cancelled,
    Conflict,
    HoldfastError,
    IntegrityFailed,
    LeaseLost,
    WorkerLost,
)
from chalicelib.domain.record import Insert, Replace, Write
from chalicelib.domain.run_steps import StepBegun

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = runs.Stamp(now=NOW, actor="worker-1", audit_id="A", notice_id="N")


def lease(owner: str = "worker-1", generation: int = 3, seconds: int = 60) -> Lease:
    return Lease(
        generation=generation,
        owner=owner,
        step=Step.DUMP,
        expires_at=NOW + timedelta(seconds=seconds),
    )


def backup(**changes: Any) -> Backup:
    fields = {
        "id": "B",
        "project_id": "P",
        "name": "nightly",
        "requested_by": "key:1",
        "created_at": NOW - timedelta(minutes=5),
        **changes,
    }
    return Backup.model_validate(fields)


def running(**changes: Any) -> Backup:
    fields = {
        "status": Status.IN_PROGRESS,
        "started_at": NOW - timedelta(minutes=1),
        "attempt": 1,
        "step": Step.DUMP,
        "lease": lease(),
        **changes,
    }
    return backup(**fields)


def written(writes: tuple[Write, ...]) -> Backup:
    record = writes[0].record
    assert isinstance(record, Backup)
    return record


def kinds(writes: tuple[Write, ...]) -> list[type]:
    return [type(write.record) for write in writes]


def test_a_request_is_stored_with_its_audit_event() -> None:
    writes = moves.requested(backup(), STAMP)

    assert kinds(writes) == [Backup, AuditEvent]
    assert all(isinstance(write, Insert) for write in writes)


def test_a_claim_starts_a_pending_backup() -> None:
    after = written(moves.claimed(backup(), STAMP, step=Step.PREPARE, deadline=NOW))

    assert (after.status, after.started_at, after.attempt) == (Status.IN_PROGRESS, NOW, 0)


def test_a_claim_notes_when_its_step_began() -> None:
    after = written(moves.claimed(running(), STAMP, step=Step.VERIFY, deadline=NOW))

    assert after.steps == (StepBegun(step="verify", attempt=1, began_at=NOW),)


def test_a_phase_is_noted_under_its_step_and_once() -> None:
    after = written(runs.phase_begun(running(step=Step.VERIFY), 3, "proof", NOW))

    assert after.steps == (StepBegun(step="verify", phase="proof", attempt=1, began_at=NOW),)
    assert runs.phase_begun(after, 3, "proof", NOW) == ()


def test_who_lost_the_lease_notes_no_phase() -> None:
    with pytest.raises(LeaseLost):
        runs.phase_begun(running(lease=lease(generation=4)), 3, "proof", NOW)


def test_each_claim_raises_the_lease_generation() -> None:
    before = running(lease=lease(generation=7))

    after = written(moves.claimed(before, STAMP, step=Step.VERIFY, deadline=NOW))

    assert after.lease is not None
    assert after.lease.generation == 8


def test_a_lease_outlives_its_step_by_a_minute() -> None:
    deadline = NOW + timedelta(hours=1)

    after = written(moves.claimed(backup(), STAMP, step=Step.PREPARE, deadline=deadline))

    assert after.lease is not None
    assert after.lease.expires_at == deadline + timedelta(seconds=60)


def test_only_a_dump_begins_a_new_attempt() -> None:
    attempts = {
        step: written(moves.claimed(running(), STAMP, step=step, deadline=NOW)).attempt
        for step in Step
    }

    assert attempts == {
        Step.PREPARE: 1,
        Step.DUMP: 2,
        Step.VERIFY: 1,
        Step.SEAL: 1,
        Step.COMPLETE: 1,
    }


def test_a_third_attempt_is_refused() -> None:
    with pytest.raises(WorkerLost):
        moves.claimed(running(attempt=2), STAMP, step=Step.DUMP, deadline=NOW)


def test_a_step_in_living_hands_cannot_be_claimed() -> None:
    held = running(lease=lease(owner="worker-2", seconds=1))

    with pytest.raises(LeaseLost):
        moves.claimed(held, STAMP, step=Step.DUMP, deadline=NOW)


def test_a_step_whose_lease_ran_out_can_be_claimed() -> None:
    held = running(lease=lease(owner="worker-2", seconds=0))

    after = written(moves.claimed(held, STAMP, step=Step.DUMP, deadline=NOW))

    assert after.lease is not None
    assert after.lease.owner == "worker-1"


@pytest.mark.parametrize("status", [s for s in Status if not MOVES[s]])
def test_a_finished_backup_cannot_be_claimed(status: Status) -> None:
    with pytest.raises(Conflict):
        moves.claimed(backup(status=status), STAMP, step=Step.DUMP, deadline=NOW)


@pytest.mark.parametrize("generation", [2, 4])
def test_another_generation_can_keep_nothing(generation: int) -> None:
    with pytest.raises(LeaseLost):
        runs.advanced(running(), generation, rows=1)


def test_the_generation_of_the_lease_can_keep_results() -> None:
    assert written(runs.advanced(running(), 3, rows=5)).rows == 5


def test_a_stale_worker_cannot_complete() -> None:
    with pytest.raises(LeaseLost):
        moves.completed(running(), STAMP, generation=2, manifest_sha256="ab")


def fenced(before: Backup, cause: HoldfastError) -> Backup:
    return written(moves.ending(before, STAMP, cause, held=before.lease))


def failed(before: Backup, cause: HoldfastError) -> tuple[Write, ...]:
    after = fenced(before, cause)
    return moves.ended(after, STAMP, held=after.lease)


def test_a_stale_worker_cannot_end_the_backup_of_another() -> None:
    with pytest.raises(LeaseLost):
        moves.ending(running(), STAMP, IntegrityFailed("x"), held=lease(generation=2))


def test_a_fence_takes_the_lease_from_whoever_has_it() -> None:
    after = fenced(running(), IntegrityFailed("x"))

    with pytest.raises(LeaseLost):
        runs.require_lease(after, 3)


def test_a_fenced_run_is_not_taken_up_again() -> None:
    late = runs.Stamp(NOW + timedelta(days=1), "worker-2", "A", "N")

    with pytest.raises(LeaseLost):
        moves.claimed(fenced(running(), WorkerLost("x")), late, step=Step.DUMP, deadline=late.now)


def test_a_fenced_run_is_not_rolled_forward() -> None:
    with pytest.raises(LeaseLost):
        moves.completed(
            fenced(running(), WorkerLost("x")), STAMP, generation=None, manifest_sha256="ab"
        )


def test_the_first_cause_of_an_end_stays() -> None:
    again = fenced(fenced(running(), IntegrityFailed("first")), WorkerLost("second"))

    assert again.ending == IntegrityFailed("first").info


def test_what_never_began_is_in_progress_while_it_is_ended() -> None:
    assert fenced(backup(), WorkerLost("x")).status is Status.IN_PROGRESS


def test_only_who_fenced_a_run_ends_it() -> None:
    with pytest.raises(LeaseLost):
        moves.ended(fenced(running(), WorkerLost("x")), STAMP, held=lease())


def test_nothing_is_ended_without_a_fence() -> None:
    with pytest.raises(LeaseLost):
        moves.ended(running(), STAMP, held=lease())


def test_completion_names_the_manifest_and_lets_the_lease_go() -> None:
    after = written(moves.completed(running(), STAMP, generation=3, manifest_sha256="ab"))

    assert (after.status, after.manifest_sha256, after.lease) == (Status.COMPLETED, "ab", None)
    assert after.duration_s == 60


def test_failure_keeps_code_sentence_and_hint() -> None:
    after = written(failed(running(), IntegrityFailed("cut off")))

    assert after.error == IntegrityFailed("cut off").info


def test_failure_forgets_artefacts_that_are_gone() -> None:
    before = running(checksum={"value": "00"}, validated=True)

    after = written(failed(before, IntegrityFailed("x")))

    assert (after.artefacts, after.checksum, after.validated) == ((), None, False)


def test_a_failure_caused_by_cancelling_is_a_cancellation() -> None:
    after = written(failed(running(), Cancelled("stop")))

    assert after.status is Status.CANCELLED


@pytest.mark.parametrize(
    "decide",
    [
        lambda b: moves.completed(b, STAMP, generation=3, manifest_sha256="ab"),
        lambda b: failed(b, IntegrityFailed("x")),
        lambda b: moves.cancelled(b, STAMP),
    ],
    ids=["completed", "failed", "cancelled"],
)
def test_every_end_is_one_commit_of_record_audit_and_notice(
    decide: Callable[[Backup], tuple[Write, ...]],
) -> None:
    writes = decide(running())

    assert kinds(writes) == [Backup, AuditEvent, Notice]
    assert isinstance(writes[0], Replace)


def test_cancelling_a_pending_backup_ends_it() -> None:
    assert written(moves.cancel_asked(backup(), STAMP)).status is Status.CANCELLED


def test_cancelling_before_anything_is_stored_ends_it() -> None:
    preparing = running(step=Step.PREPARE, attempt=0)

    assert written(moves.cancel_asked(preparing, STAMP)).status is Status.CANCELLED


def test_cancelling_a_dump_raises_the_flag_only() -> None:
    after = written(moves.cancel_asked(running(), STAMP))

    assert (after.status, after.cancel_requested) == (Status.IN_PROGRESS, True)


def test_a_finished_backup_cannot_be_cancelled() -> None:
    with pytest.raises(Conflict):
        moves.cancel_asked(backup(status=Status.COMPLETED), STAMP)


def test_a_lost_worker_within_its_lease_is_worker_lost() -> None:
    assert runs.lost(running(), NOW).code == "worker_lost"


def test_a_lost_worker_past_its_lease_exceeded_its_deadline() -> None:
    assert runs.lost(running(lease=lease(seconds=-1)), NOW).code == "deadline_exceeded"


@given(status=st.sampled_from(Status), wanted=st.sampled_from(["complete", "fail", "cancel"]))
def test_no_decision_leaves_the_table_of_moves(status: Status, wanted: str) -> None:
    before = running(status=status)

    try:
        after = written(_decide(before, wanted))
    except HoldfastError:
        return

    assert after.status in MOVES[status]


def _decide(before: Backup, wanted: str) -> tuple[Write, ...]:
    if wanted == "complete":
        return moves.completed(before, STAMP, generation=None, manifest_sha256="ab")
    if wanted == "fail":
        return failed(before, WorkerLost("x"))
    return moves.cancelled(before, STAMP)
