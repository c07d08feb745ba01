"""Backups as people and programs ask for them: request, look, change, cancel, delete."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain import components, gate, moves
from chalicelib.domain.backup import (
    Asked,
    Backup,
    BackupOptions,
    BackupType,
    Chore,
    Status,
    Trigger,
    plan_format,
)
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.execution import Work
from chalicelib.domain.object_keys import MANIFEST, backup_prefix
from chalicelib.domain.progress import Progress
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Page, Query, Remove, Replace, Write, id_floor
from chalicelib.ports import ObjectStore, Workflow
from chalicelib.services import idempotent
from chalicelib.services.being_restored import restores_under_way
from chalicelib.services.ledger import Ledger


@dataclass(frozen=True)
class NewBackup:
    """Say what to back up; `name` None is made from project, type and time.

    `body` is the request as text: with an idempotency key, another body is another request.
    `schedule_id` and, where its time had come, `expected_at` say on which schedule it is made.
    """

    project_id: str
    options: BackupOptions
    name: str | None = None
    description: str = ""
    trigger: Trigger = Trigger.MANUAL
    tags: dict[str, str] | None = None
    migration_id: str | None = None
    hold_days: int | None = None
    idempotency_key: str | None = None
    body: str = ""
    schedule_id: str | None = None
    expected_at: datetime | None = None


@dataclass(frozen=True)
class BackupFilter:
    """Say which backups to list; `text` is looked for in name and description."""

    project_id: str | None = None
    status: Status | None = None
    type: BackupType | None = None
    trigger: Trigger | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    schedule_id: str | None = None
    projects: tuple[str, ...] | None = None


@dataclass(frozen=True)
class BackupChanges:
    """Say what to change; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    tags: dict[str, str] | None = None
    locked: bool | None = None
    hold_days: int | None = None


@dataclass(frozen=True)
class Backups:
    """Keep the records of backups and start their runs."""

    ledger: Ledger
    workflow: Workflow
    store: ObjectStore

    def request(self, actor: str, new: NewBackup) -> Backup:
        """Store a pending backup and start its run; idempotent by key.

        A crash after the record leaves a pending backup that the sweeper starts.
        """
        backup = self.drafted(actor, new, self.ledger.catalog.get(Project, new.project_id))
        remembered = idempotent.remembered(
            self.ledger, actor, new.idempotency_key, new.body, backup.id
        )
        writes = moves.requested(backup, self.ledger.stamp(actor))
        try:
            self.ledger.catalog.commit([*writes, *(Insert(r) for r in remembered)])
        except Conflict:
            # the key is on record: this is the same request once more
            backup = self.get(idempotent.earlier(self.ledger, remembered, Backup.kind))
            gate.require_fresh(backup, self.ledger.clock.now())
        if not backup.status.is_terminal:
            # for a repeated request too: the first may have died before it came here
            self.workflow.start(Work.BACKUP, backup.id)
        return self.get(backup.id)

    def drafted(self, actor: str, new: NewBackup, project: Project) -> Backup:
        """Return the record of a new backup, unstored; refuses options that cannot be."""
        plan_format(new.options)
        gate.require_gate(new.trigger, new.migration_id, new.hold_days)
        asked = new.options.verification or project.verification or Asked.ARCHIVE
        options = components.chosen(new.options, project)
        new = replace(new, options=options.model_copy(update={"verification": asked}))
        return self._new(actor, new, project)

    def get(self, backup_id: str) -> Backup:
        """Return a backup; NotFound when there is none."""
        return self.ledger.catalog.get(Backup, backup_id)

    def find(self, wanted: BackupFilter, *, limit: int, before_id: str | None) -> Page[Backup]:
        """Return one page of backups, newest first; short pages may have a cursor."""
        floors = [before_id] if before_id else []
        if wanted.until is not None:
            floors.append(id_floor(wanted.until))
        return self.ledger.catalog.find(
            Query(
                Backup,
                index=_index(wanted),
                after_id=id_floor(wanted.since) if wanted.since else None,
                before_id=min(floors) if floors else None,
                limit=limit,
                keep=lambda backup: _matches(wanted, backup),
            )
        )

    def progress(self, backup_id: str) -> Progress | None:
        """Return how far a run has come; None before it has anything to say.

        What an ended run last said of its bytes stays; its phase is then its status.
        """
        backup = self.get(backup_id)
        last = self._last_progress(backup_id)
        if last is None or not backup.status.is_terminal:
            return last
        ended = {"phase": backup.status.value, "table": None, "bytes_per_s": None, "eta_s": None}
        return last.model_copy(update=ended)

    def update(self, actor: str, backup_id: str, changes: BackupChanges) -> Backup:
        """Change what people say of a backup; never what it holds."""
        update = {name: value for name, value in vars(changes).items() if value is not None}
        if changes.hold_days is not None:
            now = self.ledger.clock.now()
            update["hold_until"] = gate.held_until(now, update.pop("hold_days"))

        def decide(backup: Backup) -> tuple[Write, ...]:
            changed = backup.model_copy(update=update)
            pair = (backup, changed)
            event = self.ledger.change(actor, "backup.updated", pair, backup.project_id)
            return (Replace(changed), event)

        return self.ledger.apply(Backup, backup_id, decide)

    def cancel(self, actor: str, backup_id: str) -> Backup:
        """Cancel a pending backup at once, a running one within two seconds of its next look."""
        stamp = self.ledger.stamp(actor)
        backup = self.ledger.apply(Backup, backup_id, lambda b: moves.cancel_asked(b, stamp))
        if backup.status is Status.CANCELLED:
            self.workflow.stop(Work.BACKUP, backup_id)
        return backup

    def delete(self, actor: str, backup_id: str) -> None:
        """Delete a finished backup that nobody locked, holds or restores, with all its objects.

        The record is marked first, so that nobody hands the backup out any more; then goes the
        manifest, so that nothing can take the rest for whole; then the artefacts; then the record.
        A crash in between is finished by the sweeper.
        """

        def decide(backup: Backup) -> tuple[Write, ...]:
            if not backup.status.is_terminal:
                raise Conflict("the backup is still running", hint="Cancel it first.")
            if backup.locked:
                raise Conflict("the backup is locked", hint="Unlock it first.")
            # a backup that failed could undo no migration, so nothing holds it
            if backup.status is Status.COMPLETED and backup.is_held(self.ledger.clock.now()):
                raise Conflict(
                    f"the backup is held until {backup.hold_until:%Y-%m-%d %H:%M}",
                    hint="Its migration may have to be undone; set hold_days to 0 to release it.",
                )
            if backup.chore is Chore.DELETE:
                return ()
            if reading := restores_under_way(self.ledger.catalog, backup):
                raise Conflict(
                    f"the backup is being restored by {reading[0]}",
                    hint="Wait for the end of that restore, or cancel it.",
                )
            marked = backup.model_copy(update={"chore": Chore.DELETE})
            return (Replace(marked), self._event(actor, marked, "backup.deleted"))

        self.finish_delete(self.ledger.apply(Backup, backup_id, decide))

    def finish_delete(self, backup: Backup) -> None:
        """Remove objects and record of a backup that is marked for deletion."""
        keys = list(self.store.keys(backup_prefix(backup)))
        for key in sorted(keys, key=lambda k: not k.endswith("/" + MANIFEST)):
            self.store.delete(key)
        progress = self._last_progress(backup.id)
        self.ledger.catalog.commit(
            [Remove(backup), *([Remove(progress)] if progress is not None else [])]
        )

    def _last_progress(self, backup_id: str) -> Progress | None:
        try:
            return self.ledger.catalog.get(Progress, backup_id)
        except NotFound:
            return None

    def _new(self, actor: str, new: NewBackup, project: Project) -> Backup:
        now = self.ledger.clock.now()
        held = gate.HOLD_DAYS if new.trigger is Trigger.PRE_MIGRATION else 0
        return Backup(
            id=self.ledger.ids.new(),
            project_id=project.id,
            name=new.name or f"{project.name} {new.options.type} {now:%Y-%m-%d %H:%M}",
            description=new.description,
            trigger=new.trigger,
            options=new.options,
            tags=new.tags or {},
            requested_by=actor,
            migration_id=new.migration_id,
            hold_until=gate.held_until(now, held if new.hold_days is None else new.hold_days),
            schedule_id=new.schedule_id,
            expected_at=new.expected_at,
            created_at=now,
        )

    def _event(self, actor: str, backup: Backup, action: str) -> Insert:
        return self.ledger.event(actor, action, backup.id, backup.project_id)


def _index(wanted: BackupFilter) -> tuple[str, str] | None:
    # a query has one index, so the narrowest that fits; `_matches` looks at the rest
    if wanted.schedule_id is not None:
        return ("schedule_id", wanted.schedule_id)
    if wanted.project_id is not None:
        return ("project_id", wanted.project_id)
    if wanted.status is not None:
        return ("status", wanted.status.value)
    return None


def _matches(wanted: BackupFilter, backup: Backup) -> bool:
    if wanted.projects is not None and backup.project_id not in wanted.projects:
        return False
    if wanted.text is not None:
        text = f"{backup.name}\n{backup.description}".casefold()
        if wanted.text.casefold() not in text:
            return False
    return (
        wanted.status in {None, backup.status}
        and wanted.project_id in {None, backup.project_id}
        and wanted.type in {None, backup.options.type}
        and wanted.trigger in {None, backup.trigger}
    )
