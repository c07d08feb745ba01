"""The gate before a migration: ask for its backup, look whether it may run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain import gate
from chalicelib.domain.backup import Backup, Trigger
from chalicelib.domain.errors import Conflict, DeadlineExceeded
from chalicelib.domain.gate import GateRequest, Judgement, Ticket, Verdict
from chalicelib.services.backups import Backups, NewBackup
from chalicelib.services.ledger import Ledger


@dataclass(frozen=True)
class Look:
    """Hold what one look at a migration's backup found; `pause_s` is when to look again."""

    ticket: Ticket
    backup: Backup
    judgement: Judgement
    pause_s: int


@dataclass(frozen=True)
class Gates:
    """Let migrations wait for a backup of their own."""

    ledger: Ledger
    backups: Backups

    def ask(self, actor: str, wanted: GateRequest, key: str) -> Look:
        """Request the backup, once per key, and look at it.

        A repeated key gives the backup of its first request, unless that is too old by now.
        """
        options = wanted.options
        backup = self.backups.request(
            actor,
            NewBackup(
                project_id=wanted.project,
                options=options.backup,
                trigger=Trigger.PRE_MIGRATION,
                tags=dict(options.tags),
                migration_id=wanted.migration,
                hold_days=options.hold_days,
                idempotency_key=key,
                body=wanted.model_dump_json(),
            ),
        )
        # from the record, so that a repeated request neither gains nor loses time
        deadline = backup.created_at + timedelta(seconds=options.timeout_s)
        ticket = Ticket(backup_id=backup.id, asked_at=backup.created_at, deadline=deadline)
        return self.look(actor, ticket)

    def look(self, actor: str, ticket: Ticket) -> Look:
        """Judge the backup as it stands; one that is not there in time is refused and cancelled.

        Raises NotFound when it has been deleted.
        """
        backup = self.backups.get(ticket.backup_id)
        judgement = gate.judged(backup)
        now = self.ledger.clock.now()
        if judgement.verdict is Verdict.WAIT and now >= ticket.deadline:
            judgement = self._given_up(actor, ticket)
        return Look(ticket, backup, judgement, gate.pause_s(ticket, now))

    def _given_up(self, actor: str, ticket: Ticket) -> Judgement:
        # a dump that nobody waits for would keep its locks and stand in the next try's way
        with suppress(Conflict):  # it ended this very moment: too late all the same
            self.backups.cancel(actor, ticket.backup_id)
        late = DeadlineExceeded(
            "the backup did not end before the gate's time was over",
            hint="Give the gate more time; the estimate says how much it may need.",
        )
        return Judgement(verdict=Verdict.REFUSE, error=late.info)
