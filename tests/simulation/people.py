"""The people of a case: they ask for backups, ask again, cancel, download, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, BackupOptions, Status
from chalicelib.domain.errors import HoldfastError
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.services.backups import NewBackup
from chalicelib.services.links import NewLink
from tests.simulation.gate import Unexpected
from tests.simulation.history import Answer, History
from tests.simulation.plan import Script
from tests.simulation.stage import Stage

TRIES = 4
LOOKS = 25


@dataclass
class Person:
    """Everybody behind one backup. Each method is the body of one actor."""

    number: int
    script: Script
    project_id: str
    stage: Stage
    services: Services
    history: History
    backup_id: str | None = field(default=None, init=False)

    def come(self) -> None:
        """Enter the stage at the times of the script."""
        script, number = self.script, self.number
        self.stage.spawn(f"client-{number}", self.ask_and_use, delay_s=script.at_s)
        if script.twin:
            self.stage.spawn(f"twin-{number}", self.request, delay_s=script.at_s)
        if script.again_at_s is not None:
            self.stage.spawn(f"again-{number}", self.request, delay_s=script.again_at_s)
        if script.cancel_at_s is not None:
            self.stage.spawn(f"janitor-{number}", self.cancel, delay_s=script.cancel_at_s)

    def request(self) -> None:
        """Ask for the backup under its idempotency key, until there is an answer."""
        new = NewBackup(
            self.project_id, BackupOptions(), idempotency_key=f"key-{self.number}", body="{}"
        )
        for _ in range(TRIES):
            asked = self._ask("request", lambda: self.services.backups.request("key:1", new).id)
            if asked is not None:
                self.backup_id = asked
                return
            self.stage.sleep(5.0)

    def ask_and_use(self) -> None:
        """Ask, wait, then use what came of it."""
        self.request()
        script = self.script
        if not (script.link or script.verify or script.delete) or self.backup_id is None:
            return
        backup = self._awaited(self.backup_id)
        if backup is None or backup.status is not Status.COMPLETED:
            return
        if script.link:
            self.download(backup)
        if script.verify:
            arguments = JobArguments(backup_id=backup.id)
            jobs = self.services.jobs
            self._ask(
                "verify",
                lambda: jobs.request("key:1", JobKind.VERIFY, self.project_id, arguments).id,
            )
        if script.delete:
            self._ask("delete", lambda: self._delete(backup.id))

    def cancel(self) -> None:
        """Cancel the backup if it is known by now."""
        backup_id = self.backup_id
        if backup_id is not None:
            backups = self.services.backups
            self._ask("cancel", lambda: backups.cancel("key:1", backup_id).status.value)

    def download(self, backup: Backup) -> None:
        """Make a link, redeem it, revoke it, try it again."""
        made: list[tuple[str, str]] = []

        def create() -> str:
            link, token = self.services.links.create("key:1", backup, NewLink())
            made.append((link.id, token))
            return link.id

        if self._ask("link", create) is None:
            return
        link_id, token = made[0]
        self._ask("redeem", lambda: self.services.link_signer.redeem(token), subject=link_id)
        self._ask("revoke", lambda: self._revoke(backup.id, link_id), subject=link_id)
        self._ask("redeem", lambda: self.services.link_signer.redeem(token), subject=link_id)

    def _delete(self, backup_id: str) -> str:
        self.services.backups.delete("key:1", backup_id)
        return "gone"

    def _revoke(self, backup_id: str, link_id: str) -> str:
        self.services.links.revoke("key:1", backup_id, link_id)
        return "revoked"

    def _awaited(self, backup_id: str) -> Backup | None:
        for _ in range(LOOKS):
            self.stage.sleep(20.0)
            try:
                backup = self.services.backups.get(backup_id)
            except (HoldfastError, Unexpected):
                continue
            if backup.status.is_terminal:
                return backup
        return None

    def _ask(self, question: str, act: Callable[[], str], subject: str = "") -> str | None:
        asked_at_s = self.stage.clock.elapsed_s
        try:
            said = act()
        except HoldfastError as error:
            self._keep(question, subject, f"refused {error.code}", asked_at_s)
            return None
        except Unexpected:
            return None
        self._keep(question, subject, said, asked_at_s)
        return said

    def _keep(self, question: str, subject: str, said: str, asked_at_s: float) -> None:
        named = subject or self.backup_id or said
        told_at_s = self.stage.clock.elapsed_s
        answer = Answer(asked_at_s, told_at_s, f"{question} {self.number}", named, said)
        self.history.answers.append(answer)
