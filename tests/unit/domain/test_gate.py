"""Promises of the gate's rule: nothing passes but a completed backup, verified as was asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.backup import (
    Asked,
    Backup,
    BackupOptions,
    Chore,
    Status,
    Trigger,
    Verification,
    VerificationLevel,
)
from chalicelib.domain.errors import CODES, Conflict, ErrorInfo, InvalidRequest
from chalicelib.domain.gate import (
    FRESH_FOR,
    MAX_TIMEOUT_S,
    Ticket,
    Verdict,
    held_until,
    judged,
    pause_s,
    require_fresh,
    require_gate,
)
from chalicelib.domain.proof import ProofLevel

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EVENTS_PER_LOOK = 12
"""Entering, scheduling, starting, succeeding, leaving of the task; the wait's and choice's two."""
MAX_EVENTS = 25_000  # Step Functions, Standard workflows


def checked(level: str = "archive", proof: str | None = None, *reasons: str) -> Verification:
    return Verification(
        level=VerificationLevel(level),
        at=NOW,
        by="pg_restore 18.6",
        report="read in full",
        proof=ProofLevel(proof) if proof else None,
        reasons=reasons,
    )


def backup(asked: str | None = "archive", **changes: Any) -> Backup:
    values: dict[str, Any] = {
        "id": "01B",
        "project_id": "01P",
        "name": "shop",
        "requested_by": "key:1",
        "trigger": Trigger.PRE_MIGRATION,
        "options": BackupOptions(verification=Asked(asked) if asked else None),
        "status": Status.COMPLETED,
        "created_at": NOW,
        "completed_at": NOW,
        "validated": True,
        "manifest_sha256": "0" * 64,
        "verification": checked(),
    }
    return Backup.model_validate(values | changes)


@pytest.mark.parametrize("status", [Status.PENDING, Status.IN_PROGRESS])
def test_a_run_that_may_still_end_well_is_waited_for(status: Status) -> None:
    assert judged(backup(status=status, validated=False)).verdict is Verdict.WAIT


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, checked()),
        ("archive", checked()),
        ("archive", checked("proof", "digests")),
        ("counts", checked("proof", "counts")),
        ("counts", checked("proof", "digests")),
        ("proof", checked("proof", "digests")),
        ("digests", checked("proof", "digests")),
    ],
)
def test_what_was_verified_as_far_as_was_asked_passes(
    asked: str | None, found: Verification
) -> None:
    assert judged(backup(asked, verification=found)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("asked", "changes"),
    [
        ("archive", {"validated": False}),
        ("archive", {"verification": None}),
        ("archive", {"manifest_sha256": None}),
        ("proof", {}),
        ("counts", {}),
        ("digests", {"verification": checked("proof", "counts")}),
        ("proof", {"verification": checked("archive", "digests", "no server programs")}),
    ],
)
def test_what_was_not_verified_as_far_as_was_asked_is_refused(
    asked: str, changes: dict[str, Any]
) -> None:
    found = judged(backup(asked, **changes))

    assert found.verdict is Verdict.REFUSE
    assert found.error is not None
    assert found.error.code == "not_verified"


def test_a_refusal_says_why_no_proof_was_made() -> None:
    unproven = checked("archive", "digests", "no server programs")

    found = judged(backup("proof", verification=unproven))

    assert found.error is not None
    assert "no server programs" in found.error.message


@pytest.mark.parametrize("code", CODES)
def test_a_failed_backup_is_refused_with_its_own_code(code: str) -> None:
    error = ErrorInfo(code=code, message="it broke", hint="Mend it.")

    found = judged(backup(status=Status.FAILED, error=error))

    assert (found.verdict, found.error) == (Verdict.REFUSE, error)


@pytest.mark.parametrize(
    ("status", "code"), [(Status.FAILED, "internal"), (Status.CANCELLED, "cancelled")]
)
def test_an_end_without_a_word_is_refused_all_the_same(status: Status, code: str) -> None:
    found = judged(backup(status=status, error=None))

    assert found.error is not None
    assert found.error.code == code


def test_a_backup_that_is_going_away_is_refused() -> None:
    found = judged(backup(chore=Chore.DELETE))

    assert found.error is not None
    assert found.error.code == "not_found"


@given(
    status=st.sampled_from(Status),
    validated=st.booleans(),
    sealed=st.booleans(),
    asked=st.sampled_from([None, *(a for a in Asked if a is not Asked.STRICT)]),
    level=st.sampled_from(VerificationLevel),
    proof=st.sampled_from([None, ProofLevel.COUNTS, ProofLevel.DIGESTS]),
    chore=st.sampled_from([None, *Chore]),
)
def test_nothing_passes_that_is_not_completed_validated_and_sealed(**drawn: Any) -> None:
    asked, sealed = drawn.pop("asked"), drawn.pop("sealed")
    found = checked(drawn.pop("level"), drawn.pop("proof"))
    record = backup(
        asked, **drawn, verification=found, manifest_sha256="0" * 64 if sealed else None
    )

    verdict = judged(record).verdict

    whole = record.status is Status.COMPLETED and record.validated and sealed
    assert verdict is not Verdict.PASS or (whole and record.chore is not Chore.DELETE)


def test_a_repeated_request_is_answered_with_a_fresh_backup_only() -> None:
    require_fresh(backup(), NOW + FRESH_FOR)
    require_fresh(backup(completed_at=None), NOW + FRESH_FOR * 30)

    with pytest.raises(Conflict, match="more than"):
        require_fresh(backup(), NOW + FRESH_FOR + timedelta(seconds=1))


def test_other_backups_may_be_repeated_at_any_age() -> None:
    require_fresh(backup(trigger=Trigger.MANUAL), NOW + timedelta(days=365))


@pytest.mark.parametrize("given_values", [("0042", None), (None, 0)])
def test_only_a_backup_before_a_migration_is_held(given_values: tuple[Any, Any]) -> None:
    require_gate(Trigger.PRE_MIGRATION, *given_values)

    with pytest.raises(InvalidRequest):
        require_gate(Trigger.MANUAL, *given_values)


def test_a_hold_ends_after_its_days() -> None:
    until = held_until(NOW, 2)
    held = backup(hold_until=until)

    assert until == NOW + timedelta(days=2)
    assert (held.is_held(NOW + timedelta(days=1)), held.is_held(until)) == (True, False)
    assert held_until(NOW, 0) is None


def looks(timeout_s: int) -> list[datetime]:
    """Return the moments at which a gate looks that waits to its end."""
    ticket = Ticket(backup_id="B", asked_at=NOW, deadline=NOW + timedelta(seconds=timeout_s))
    moments = [NOW]
    while moments[-1] < ticket.deadline:
        moments.append(moments[-1] + timedelta(seconds=pause_s(ticket, moments[-1])))
    return moments


def test_the_longest_wait_fits_into_the_history_of_one_execution() -> None:
    assert len(looks(MAX_TIMEOUT_S)) * EVENTS_PER_LOOK < MAX_EVENTS


@settings(deadline=None)  # a busy machine takes its time over a day's looks
@given(st.integers(1, MAX_TIMEOUT_S))
def test_a_gate_looks_soon_after_its_deadline_and_never_at_once(timeout_s: int) -> None:
    moments = looks(timeout_s)

    assert moments[-1] <= NOW + timedelta(seconds=timeout_s + 1)
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in pairwise(moments))
