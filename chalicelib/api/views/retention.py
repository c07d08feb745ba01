"""What callers see of retention."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from chalicelib.api.views.answers import PageView, View
from chalicelib.domain.retention.facts import Freeze, FreezeReason, Reason, Standing, Verdict
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.retention.state import ScopeState
from chalicelib.services.retention.preview import Preview


class FreezeView(View):
    """Say why nothing is removed."""

    reason: FreezeReason
    message: str

    @classmethod
    def of(cls, freeze: Freeze) -> Self:
        """Show this freeze."""
        return cls(reason=freeze.reason, message=freeze.sentence)


class VerdictView(View):
    """Say what becomes of one backup, with every reason for it; sizes in bytes."""

    backup_id: str
    created_at: datetime
    standing: Standing
    stored_bytes: int
    locked: bool
    keep: bool
    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Show this verdict."""
        facts = verdict.facts
        return cls(
            backup_id=facts.id,
            created_at=facts.created_at,
            standing=facts.standing,
            stored_bytes=facts.stored_bytes,
            locked=facts.locked,
            keep=verdict.keep,
            reasons=verdict.reasons,
        )


class RetentionPlanView(PageView):
    """Show what retention would do now: figures over all backups, verdicts a page at a time.

    While `frozen` names reasons, everything stays. `over_budget_bytes` is how far what is protected
    alone goes over the budget.
    """

    policy: RetentionPolicy
    timezone: str
    frozen: tuple[FreezeView, ...]
    frozen_at: datetime | None
    accepted_at: datetime | None
    applied_at: datetime | None
    over_budget_bytes: int
    validated: int
    kept: int
    removed: int
    kept_bytes: int
    removed_bytes: int
    items: tuple[VerdictView, ...]

    @classmethod
    def of(cls, preview: Preview, next_cursor: str | None) -> Self:
        """Show this preview."""
        survey, known = preview.survey, preview.known
        return cls(
            policy=preview.policy,
            timezone=preview.timezone,
            frozen=tuple(FreezeView.of(freeze) for freeze in survey.frozen),
            frozen_at=known.frozen_at,
            accepted_at=known.accepted_at,
            applied_at=known.applied_at,
            over_budget_bytes=max(0, -(survey.allowance_bytes or 0)),
            validated=survey.validated,
            kept=preview.kept,
            removed=preview.removed,
            kept_bytes=preview.kept_bytes,
            removed_bytes=preview.removed_bytes,
            items=tuple(VerdictView.of(verdict) for verdict in preview.verdicts),
            next_cursor=next_cursor,
        )


class RetentionStateView(View):
    """Show what retention remembers of the backups under one policy."""

    frozen: tuple[FreezeReason, ...]
    frozen_at: datetime | None
    accepted_at: datetime | None
    applied_at: datetime | None

    @classmethod
    def of(cls, state: ScopeState) -> Self:
        """Show this state."""
        return cls(
            frozen=tuple(FreezeReason(word) for word in state.frozen),
            frozen_at=state.frozen_at,
            accepted_at=state.accepted_at,
            applied_at=state.applied_at,
        )
