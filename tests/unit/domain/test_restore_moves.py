"""Promises of the decisions about a restore."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain import restore_moves
from chalicelib.domain.audit import AuditEvent, Notice
from chalicelib.domain.backup import Chore, Lease, Status
from chalicelib.domain.connection import Endpoint
from chalicelib.domain.errors import (
    AuthenticationFailed,
    Cancelled,
    Conflict,
    InvalidRequest,
    LeaseLost,
    WorkerLost,
)
from chalicelib.domain.record import Insert, Replace, Write
from chalicelib.domain.restore import (
    Restore,
    RestoreOptions,
    RestoreStep,
    RestoreTarget,
    TargetState,
    require_confirmation,
)
from chalicelib.domain.runs import Stamp

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = Stamp(now=NOW, actor="worker-1", audit_id="A", notice_id="N")
ENDPOINT = Endpoint(host="db.example.org", database="shop")


def restore(**changes: Any) -> Restore:
    fields = {
        "id": "R",
        "project_id": "P",
        "backup_id": "B",
        "target": RestoreTarget(project_id="P2"),
        "requested_by": "key:1",
        "created_at": NOW - timedelta(minutes=5),
        **changes,
    }
    return Restore.model_validate(fields)


def running(**changes: Any) -> Restore:
    lease = Lease(
        generation=3,
        owner="worker-1",
        step=RestoreStep.RESTORE,
        expires_at=NOW + timedelta(seconds=60),
    )
    fields = {
        "status": Status.IN_PROGRESS,
        "started_at": NOW - timedelta(minutes=1),
        "step": RestoreStep.RESTORE,
        "attempt": 1,
        "lease": lease,
        **changes,
    }
    return restore(**fields)


def after(writes: tuple[Write, ...]) -> Restore:
    (found,) = [w.record for w in writes if isinstance(w, Replace)]
    assert isinstance(found, Restore)
    return found


def test_restoring_begins_only_once() -> None:
    with pytest.raises(WorkerLost, match="never ended"):
        restore_moves.claimed(running(), STAMP, step=RestoreStep.RESTORE, deadline=NOW)


def test_a_claim_takes_the_next_generation() -> None:
    writes = restore_moves.claimed(
        running(attempt=0), STAMP, step=RestoreStep.RESTORE, deadline=NOW
    )

    claimed = after(writes)
    assert claimed.lease is not None
    assert (claimed.lease.generation, claimed.attempt) == (4, 1)


def test_an_end_is_told_to_audit_and_outbox() -> None:
    writes = restore_moves.completed(running(), STAMP, generation=3)

    kinds = {type(w.record) for w in writes if isinstance(w, Insert)}
    assert kinds == {AuditEvent, Notice}
    assert after(writes).status is Status.COMPLETED


def test_only_the_lease_holder_completes() -> None:
    with pytest.raises(LeaseLost):
        restore_moves.completed(running(), STAMP, generation=2)


@pytest.mark.parametrize("state", TargetState)
def test_a_cancelled_restore_says_what_became_of_the_target(state: TargetState) -> None:
    writes = restore_moves.failed(
        running(target_state=state), STAMP, Cancelled("stop"), generation=3
    )

    ended = after(writes)
    assert ended.status is Status.CANCELLED
    assert ended.error is not None
    assert state.value in ended.error.message


def test_a_failure_after_the_first_change_says_so() -> None:
    broken = running(target_state=TargetState.PARTIAL)

    ended = after(restore_moves.failed(broken, STAMP, WorkerLost("gone"), generation=3))

    assert ended.error is not None
    assert ended.error.message == "gone; the target is partially restored"


def test_a_failure_before_any_change_says_only_what_happened() -> None:
    ended = after(restore_moves.failed(running(), STAMP, WorkerLost("gone"), generation=3))

    assert ended.error is not None
    assert ended.error.message == "gone"


def test_a_target_that_refuses_its_password_names_the_project_to_change() -> None:
    refused = AuthenticationFailed("the server refused user app or the password")

    ended = after(restore_moves.failed(running(), STAMP, refused, generation=3))

    assert ended.error is not None
    assert "holdfast projects update P2 --password" in ended.error.hint


@pytest.mark.parametrize(
    ("found", "status", "flag"),
    [
        (restore(), Status.CANCELLED, False),
        (running(step=RestoreStep.PREPARE), Status.CANCELLED, False),
        (running(), Status.IN_PROGRESS, True),
    ],
)
def test_cancelling_is_immediate_while_nothing_was_touched(
    found: Restore, status: Status, *, flag: bool
) -> None:
    asked = after(restore_moves.cancel_asked(found, STAMP))

    assert (asked.status, asked.cancel_requested) == (status, flag)


def test_an_ended_restore_cannot_be_cancelled() -> None:
    with pytest.raises(Conflict):
        restore_moves.cancel_asked(restore(status=Status.FAILED), STAMP)


def test_an_end_leaves_the_password_of_a_connection_to_be_forgotten() -> None:
    ended = after(restore_moves.cancelled(restore(target=RestoreTarget(endpoint=ENDPOINT)), STAMP))

    assert ended.chore is Chore.CLEAN


@pytest.mark.parametrize("target", [{}, {"project_id": "P", "endpoint": ENDPOINT}])
def test_a_target_is_one_thing(target: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either a project or an endpoint"):
        RestoreTarget.model_validate(target)


@pytest.mark.parametrize(
    ("clean", "confirmation"),
    [(True, None), (True, "shop"), (True, "db.example.org/other"), (False, "db.example.org/x")],
)
def test_dropping_needs_the_name_of_exactly_this_target(
    confirmation: str | None, *, clean: bool
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        require_confirmation(RestoreOptions(clean=clean, confirmation=confirmation), ENDPOINT)

    assert "db.example.org/shop" in raised.value.hint
