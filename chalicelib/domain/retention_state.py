"""What retention remembers between its runs: little, and nothing that decides alone."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import ClassVar, Final

from chalicelib.domain.audit import AuditEvent, Notice
from chalicelib.domain.backup import Value
from chalicelib.domain.record import Insert, Moment, Record, Write
from chalicelib.domain.retention import RetentionPolicy
from chalicelib.domain.retention_facts import Freeze
from chalicelib.domain.runs import Stamp

ROUND_ID: Final = "round"
FROZEN: Final = "retention.frozen"
THAWED: Final = "retention.thawed"


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


def told(
    before: ScopeState, project_id: str, freezes: tuple[Freeze, ...], stamp: Stamp, scope_id: str
) -> tuple[Write, ...]:
    """Return what is told of a freeze: once when it begins, once in the audit when it ends."""
    if bool(before.frozen) == bool(freezes):
        return ()
    body = {
        "scope": scope_id,
        "reasons": ", ".join(freeze.reason for freeze in freezes),
        "message": "; ".join(freeze.sentence for freeze in freezes),
    }
    action = FROZEN if freezes else THAWED
    event = AuditEvent(
        id=stamp.audit_id,
        at=stamp.now,
        actor=stamp.actor,
        action=action,
        subject_id=scope_id,
        project_id=project_id,
        details=body,
    )
    notice = Notice(
        id=stamp.notice_id,
        at=stamp.now,
        event=action,
        subject_id=scope_id,
        project_id=project_id,
        body={"status": "frozen", **body},
    )
    return (Insert(event), Insert(notice)) if freezes else (Insert(event),)
