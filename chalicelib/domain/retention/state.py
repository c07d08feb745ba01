"""What retention remembers between its runs: little, and nothing that decides alone."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import ClassVar, Final

from chalicelib.domain.audit import AuditEvent, Notice
from chalicelib.domain.backup import Value
from chalicelib.domain.record import Insert, Moment, Record, Write
from chalicelib.domain.retention.plan import Survey
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.runs import Stamp

ROUND_ID: Final = "round"
FROZEN: Final = "retention.frozen"
THAWED: Final = "retention.thawed"
ACCEPTED: Final = "retention.accepted"


class ScopeState(Value):
    """Remember one scope: the backups under one policy, of a project or of a schedule.

    `applied_at` is when removals were last carried out under the policy with this digest.
    """

    policy_sha256: str = ""
    applied_at: Moment | None = None
    accepted_at: Moment | None = None
    frozen: tuple[str, ...] = ()
    frozen_at: Moment | None = None
    over_budget_bytes: int = 0

    def applied_under(self, policy: RetentionPolicy) -> datetime | None:
        """Return when removals were last carried out under exactly this policy."""
        return self.applied_at if self.policy_sha256 == policy_digest(policy) else None


class RetentionState(Record):
    """Remember the scopes of one project, by the id of the project or of the schedule."""

    kind: ClassVar[str] = "retention"
    indexes: ClassVar[tuple[str, ...]] = ()

    scopes: dict[str, ScopeState] = {}

    def scope(self, scope_id: str) -> ScopeState:
        """Return what is known of a scope."""
        return self.scopes.get(scope_id, ScopeState())

    def with_scope(self, scope_id: str, **changes: object) -> RetentionState:
        """Return the state with this scope changed."""
        changed = self.scope(scope_id).model_copy(update=changes)
        return self.model_copy(update={"scopes": {**self.scopes, scope_id: changed}})


class RetentionRound(Record):
    """Say when the next round through the projects is due, and where one that ran long goes on."""

    kind: ClassVar[str] = "retention-round"
    indexes: ClassVar[tuple[str, ...]] = ()

    due_at: Moment
    before_id: str | None = None


def policy_digest(policy: RetentionPolicy) -> str:
    """Return the digest by which two policies are the same."""
    return hashlib.sha256(policy.model_dump_json().encode()).hexdigest()


def noted(
    state: RetentionState, scope_id: str, found: Survey, stamp: Stamp
) -> tuple[RetentionState, tuple[Write, ...]]:
    """Return the state after a look at a scope, and what is told of it.

    A freeze is told once, when it begins, however many runs meet it; its end goes into the audit.
    """
    before = state.scope(scope_id)
    after = state.with_scope(
        scope_id,
        frozen=tuple(freeze.reason.value for freeze in found.frozen),
        frozen_at=(before.frozen_at or stamp.now) if found.frozen else None,
        over_budget_bytes=max(0, -(found.allowance_bytes or 0)),
    )
    if bool(before.frozen) == bool(found.frozen):
        return after, ()
    if not found.frozen:
        return after, (Insert(_event(state.id, scope_id, stamp, THAWED, {})),)
    details = {
        "scope": scope_id,
        "reasons": ", ".join(freeze.reason for freeze in found.frozen),
        "message": "; ".join(freeze.sentence for freeze in found.frozen),
    }
    notice = Notice(
        id=stamp.notice_id,
        at=stamp.now,
        event=FROZEN,
        subject_id=scope_id,
        project_id=state.id,
        body={"status": "frozen", **details},
    )
    return after, (Insert(_event(state.id, scope_id, stamp, FROZEN, details)), Insert(notice))


def applied(
    state: RetentionState, scope_id: str, policy: RetentionPolicy, now: datetime
) -> RetentionState:
    """Return the state after the removals of a scope were carried out."""
    return state.with_scope(scope_id, applied_at=now, policy_sha256=policy_digest(policy))


def accepted(
    state: RetentionState, scope_id: str, stamp: Stamp
) -> tuple[RetentionState, tuple[Write, ...]]:
    """Return the state after a person looked at a scope and found it right as it is."""
    after = state.with_scope(scope_id, accepted_at=stamp.now)
    return after, (Insert(_event(state.id, scope_id, stamp, ACCEPTED, {})),)


def _event(
    project_id: str, scope_id: str, stamp: Stamp, action: str, details: dict[str, str]
) -> AuditEvent:
    return AuditEvent(
        id=stamp.audit_id,
        at=stamp.now,
        actor=stamp.actor,
        action=action,
        subject_id=scope_id,
        project_id=project_id,
        details=details,
    )
