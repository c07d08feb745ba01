"""Bring a backup into a project step by step, then look at it as its visitors do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from chalicelib.domain.backup import Component
from chalicelib.domain.role_statements import ROLES
from chalicelib.domain.storage_file import FILES, parse_file
from chalicelib.restore_ports import Target, ids_of
from chalicelib.supabase.parts import AUTH, STORAGE
from chalicelib.supabase.restore import checks, database, preflight, services, storage
from chalicelib.supabase.restore.backup import HeldBackup
from chalicelib.supabase.restore.choice import POSITIONS, ROWS, Choice, World, choose
from chalicelib.supabase.restore.facts import ProjectFacts, project_facts
from chalicelib.supabase.restore.journal import COMPARE, Journal
from chalicelib.supabase.restore.outside import Outside
from chalicelib.supabase.restore.references import dangling
from chalicelib.supabase.restore.roles import plan_roles
from chalicelib.supabase.restore.tally import Tally
from chalicelib.supabase.restore.upload import upload

VAULT: Final = "Create it with vault.create_secret(value, name, description)."
JWT: Final = "Users sign in again with their passwords, or give the project the source's secret."


class Run:
    """Hold the parts of one restore between its first look and its end."""

    def __init__(self, target: Target, backup: HeldBackup, outside: Outside) -> None:
        """Look at the target and decide everything that can be decided beforehand."""
        self._target = target
        self._backup = backup
        self._outside = outside
        self.tally = Tally()
        self.journal = Journal()
        self._ends: list[str] = []
        self._facts: ProjectFacts = project_facts(target)
        lines = backup.lines(ROLES) if Component.ROLES in backup.components else ()
        # decided before the target is asked for more: what follows counts on these roles
        self._roles = plan_roles(lines, self._facts.world.roles.keys())
        self._world: World = database.seen_after(
            self._facts.world, self._roles.created, backup.catalogue.extensions
        )
        self._choice: Choice = choose(backup.entries[""], self._world)
        self._rows = {
            name: preflight.filled(
                [entry for entry in entries if entry.kind == ROWS], backup.part(name).counts
            )
            for name, entries in backup.entries.items()
            if name
        }
        plan = preflight.Plan(
            self._choice,
            self._roles,
            self._rows,
            dangling(self._facts, backup, self._choice),
            tuple(outside.refusals(backup)),
            target.warnings,
        )
        self.preflight = preflight.judge(self._facts, backup, plan)

    def bring(self) -> None:
        """Bring everything, step by step; a step that is refused is the last one."""
        for phase, component, step in self._steps():
            if component in self._backup.components:
                self._begin(phase)
                step()
            if self.tally.errors_total:
                return
        self._leave_to_people()

    def check(self) -> None:
        """Hold what is there now against what was recorded."""
        target, backup = self._target, self._backup
        self._begin(COMPARE)
        if Component.DATABASE in backup.components:
            ids = frozenset(ids_of(self._choice.entries))
            compared = target.compare(backup.source.main_part, ids, is_whole=True)
            self.tally.comparisons.append(compared)
            checks.check_access(target, backup, self._choice, self.tally)
        self._compare(AUTH, Component.AUTH)

    def _begin(self, phase: str) -> None:
        self.journal.begin(phase)
        self._target.begin(phase)

    def _steps(self) -> Iterator[tuple[str, Component, Callable[[], None]]]:
        everything = Component.DATABASE
        yield "extensions", everything, self._extensions
        yield "roles", Component.ROLES, self._make_roles
        yield "definitions", everything, self._definitions
        yield "rows", everything, self._load_rows
        yield "auth", Component.AUTH, lambda: self._part(AUTH)
        yield "storage", Component.STORAGE, lambda: self._part(STORAGE)
        yield "files", Component.STORAGE, self._files
        yield "indexes and rights", everything, self._rest
        yield "functions", Component.FUNCTIONS, self._functions
        yield "config", Component.CONFIG, self._config

    def _extensions(self) -> None:
        self.tally.skipped += [*self._choice.skipped, *self._choice.disowned]
        database.make_extensions(self._target, self._backup, self._facts, self.tally)

    def _make_roles(self) -> None:
        database.make_roles(self._target, self._roles, self.tally)

    def _definitions(self) -> None:
        target, tally = self._target, self.tally
        lent = database.lent_roles(self._choice, self._world, self._roles.created)
        self._ends = database.become_member(target, lent, tally)
        database.narrow_defaults(target, self._facts, tally)
        schemas = [entry for entry in self._choice.before if entry.kind == "SCHEMA"]
        others = [entry for entry in self._choice.before if entry.kind != "SCHEMA"]
        database.bring(target, self._backup, schemas, self._world, tally)
        # only now are the schemas there in which owners must be let in
        opened = database.open_schemas(target, others, self._world, tally)
        database.bring(target, self._backup, others, self._world, tally)
        database.end_loans(target, opened, tally)

    def _load_rows(self) -> None:
        database.load(self._target, self._backup, self._choice.rows, self.tally)
        database.bring(self._target, self._backup, self._choice.positions, self._world, self.tally)

    def _part(self, name: str) -> None:
        entries = self._backup.entries[name]
        # before the constraints of the user's tables, which refer to users and files
        database.load_part(self._target, self._backup, name, self._rows[name], self.tally)
        if self.tally.errors_total == 0:
            database.set_positions(self._target, self._backup, name, entries, self.tally)

    def _compare(self, name: str, component: Component) -> None:
        if component in self._backup.components:
            # a table without rows may be missing in the target, which nobody misses
            positions = [one for one in self._backup.entries[name] if one.kind == POSITIONS]
            ids = frozenset(ids_of([*self._rows[name], *positions]))
            part = self._backup.part(name)
            self.tally.comparisons.append(self._target.compare(part, ids, is_whole=False))

    def _files(self) -> None:
        # before the uploads, which change what the rows say of their files
        self._compare(STORAGE, Component.STORAGE)
        files = (parse_file(line.encode()) for line in self._backup.lines(FILES))
        open_file = self._backup.source.open_file
        upload(self._outside.door(), files, open_file, self.tally, self._target.look)
        kept = storage.kept_rows(self._rows[STORAGE], self._facts)
        if kept is not None:
            storage.put_back(self._target, self._backup, kept, self.tally)

    def _rest(self) -> None:
        target, backup, tally = self._target, self._backup, self.tally
        database.bring(target, backup, self._choice.after, self._world, tally)
        if tally.errors_total == 0:
            database.attach(target, backup, tally)
            database.schedule(target, backup, tally)
        database.end_loans(target, self._ends, tally)
        database.note_history(target, backup, tally)

    def _leave_to_people(self) -> None:
        for name in self._backup.catalogue.vault_secrets:
            self.tally.leave(f"secret {name} of the vault", "its key stays with the source", VAULT)
        if Component.AUTH in self._backup.components:
            self.tally.leave("sessions of users", "signed with another secret", JWT)

    def _functions(self) -> None:
        services.deploy_functions(self._outside.management(), self._backup, self.tally)

    def _config(self) -> None:
        services.write_config(self._outside.management(), self._backup, self.tally)
