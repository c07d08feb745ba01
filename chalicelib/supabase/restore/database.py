"""Bring the database of a project back, in the order that loses nothing.

    extensions    in the schemas they had: types and operators come from them
    roles         objects are given to them, and grants name them
    defaults      of schema public, taken back: they would widen every grant that follows
    definitions   up to the tables
    rows          as a replica: no trigger fires, circular references hold
    the rest      indexes, constraints, triggers, policies, grants, materialized views
    on top        triggers and policies on the platform's own tables, jobs of cron
Whatever the target refuses ends it after its step: what follows would only fail once more.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from chalicelib.restore_ports import Application, Entry, Target, ids_of
from chalicelib.supabase.restore.backup import HeldBackup
from chalicelib.supabase.restore.catalogue import OWN_SCHEMA, CronJob, Extension
from chalicelib.supabase.restore.choice import (
    POSITIONS,
    ROWS,
    Choice,
    World,
    owners_of,
    segments,
)
from chalicelib.supabase.restore.facts import ProjectFacts
from chalicelib.supabase.restore.roles import RolePlan, quoted
from chalicelib.supabase.restore.tally import Tally

REFUSED: Final = "Restore as the role postgres of a new project."
MAY_CREATE: Final = "SELECT pg_catalog.has_schema_privilege(%s, %s, 'CREATE')"
HISTORY: Final = "supabase_migrations.schema_migrations"
SET_OPTION_SINCE: Final = 16
TO_LOAD: Final = "Mend what the message names, then restore into a new project."
TO_LOG_IN: Final = "Set it with ALTER ROLE … PASSWORD: no backup holds passwords of roles."
PAUSED: Final = "Start it with: SELECT cron.alter_job({}, active := true)"


def make_extensions(target: Target, backup: HeldBackup, facts: ProjectFacts, tally: Tally) -> None:
    """Create the extensions that are not there yet, each in the schema it had."""
    for extension in backup.catalogue.extensions:
        if extension.name in facts.installed or extension.name == "plpgsql":
            continue
        refused = target.attempt(*creation_of(extension, facts.world.schemas))
        if refused is None:
            tally.restored["EXTENSION"] += 1
        else:
            hint = "Enable it in the project's dashboard."
            tally.refuse(f"extension {extension.name}", refused, hint)


def make_roles(target: Target, plan: RolePlan, tally: Tally) -> None:
    """Run the statements about roles; what only a superuser may say is left to people."""
    for role in plan.present:
        tally.skip(f"role {role}", "the target has it already, and keeps it as it is")
    for step in plan.steps:
        refused = target.attempt(step.statement)
        if refused is None:
            tally.restored["ROLE STATEMENT"] += 1
            continue
        again = None if step.fallback is None else target.attempt(step.fallback)
        # a role that is missing costs owners and grants; a setting costs only itself
        if step.creates is not None and (step.fallback is None or again is not None):
            tally.refuse(f"role {step.role}", refused, REFUSED)
        else:
            tally.leave(f"role {step.role}", f"{step.statement} was refused: {refused}")
    for role in plan.passwords:
        tally.leave(f"role {role}", "it may log in and has no password", TO_LOG_IN)


def become_member(target: Target, roles: Sequence[str], tally: Tally) -> list[str]:
    """Let the restoring user act as these roles; return the statements that end that."""
    major = int(target.server_version.partition(".")[0])
    # from 16 on who creates a role is its admin and may still not act as it
    option = " WITH INHERIT TRUE, SET TRUE" if major >= SET_OPTION_SINCE else ""
    ends = []
    for role in roles:
        refused = target.attempt(f"GRANT {quoted(role)} TO CURRENT_USER{option}")
        if refused is None:
            ends.append(f"REVOKE {quoted(role)} FROM CURRENT_USER")
        else:
            tally.refuse(f"objects of role {role}", refused, "Restore as a member of that role.")
    return ends


def open_schemas(target: Target, entries: Sequence[Entry], world: World, tally: Tally) -> list[str]:
    """Let owners create where their objects lie; return the statements that end that.

    PostgreSQL gives nobody an object in a schema in which he could not have made it, and rights to
    schemas come with all others, at the end.
    """
    places = sorted({(e.schema, e.owner) for e in entries if e.schema and owners_of([e])})
    ends = []
    for schema, owner in places:
        if owner == world.user or world.is_superuser or not world.may_give_to(owner):
            continue
        if target.rows(MAY_CREATE, owner, schema) == [(True,)]:
            continue
        place = f"CREATE ON SCHEMA {quoted(schema)}"
        refused = target.attempt(f"GRANT {place} TO {quoted(owner)}")
        if refused is None:
            ends.append(f"REVOKE {place} FROM {quoted(owner)}")
        else:
            tally.refuse(f"objects of {owner} in schema {schema}", refused, REFUSED)
    return ends


def lent_roles(choice: Choice, world: World, created: frozenset[str]) -> list[str]:
    """Name the roles that must be acted as, to give them what was theirs."""
    owners = owners_of(choice.entries)
    return sorted(role for role in owners if role in created and not world.is_superuser)


def seen_after(world: World, created: frozenset[str], extensions: Sequence[Extension]) -> World:
    """Return the world once roles and extensions are there."""
    return replace(
        world,
        roles={**world.roles, **dict.fromkeys(created, True)},
        schemas=world.schemas | {one.schema for one in extensions if one.name not in OWN_SCHEMA},
    )


def narrow_defaults(target: Target, facts: ProjectFacts, tally: Tally) -> None:
    """Take back what new objects in schema public would be granted."""
    if not facts.defaults:
        return
    refused = target.attempt(*facts.defaults)
    if refused is not None:
        tally.refuse("default privileges of schema public", refused, REFUSED)


def bring(
    target: Target, backup: HeldBackup, entries: Sequence[Entry], world: World, tally: Tally
) -> None:
    """Have pg_restore bring entries of the main archive."""
    total = tally.errors_total
    for segment in segments(entries, world):
        application = Application(backup.source.main, segment.dump_ids, segment.no_owner)
        tally.add(target.apply(application))
    if tally.errors_total == total:
        # pg_restore tells what it could not do, never what it did
        tally.restored += Counter(entry.kind for entry in entries)


def load(target: Target, backup: HeldBackup, rows: Sequence[Entry], tally: Tally) -> None:
    """Copy the rows of the main archive, a table at a time: a loss costs one table's work."""
    ids = frozenset(ids_of(rows))
    refused = target.load_each(backup.source.main, ids, lambda _: tally.count(ROWS))
    if refused is not None:
        tally.refuse("rows of the database", refused, TO_LOAD)


def load_part(
    target: Target, backup: HeldBackup, name: str, rows: Sequence[Entry], tally: Tally
) -> None:
    """Copy the rows of an archive of the platform's, all or none: half of the users is no use."""
    refused = target.load(backup.part(name).file, frozenset(ids_of(rows)))
    if refused is None:
        tally.restored[ROWS] += len(rows)
    else:
        tally.refuse(f"rows of {name}", refused, TO_LOAD)


def set_positions(
    target: Target, backup: HeldBackup, name: str, entries: Sequence[Entry], tally: Tally
) -> None:
    """Set the sequences of an archive beside the main one to where they stood."""
    chosen = tuple(entry for entry in entries if entry.kind == POSITIONS)
    applied = target.apply(Application(backup.part(name).file, ids_of(chosen)))
    tally.add(applied)
    tally.restored[POSITIONS] += len(chosen) - applied.errors_total


def attach(target: Target, backup: HeldBackup, tally: Tally) -> None:
    """Make the user's triggers and policies on the platform's tables."""
    for kind, statements in (
        ("TRIGGER", backup.catalogue.triggers),
        ("POLICY", backup.catalogue.policies),
    ):
        for statement in statements:
            refused = target.attempt(statement.sql)
            if refused is None:
                tally.restored[f"{kind} of the platform's tables"] += 1
            else:
                tally.refuse(statement.what, refused, "Make it in the project's dashboard.")


def schedule(target: Target, backup: HeldBackup, tally: Tally) -> None:
    """Make the jobs of cron, paused from the first moment on."""
    known = _known_jobs(target) if backup.catalogue.jobs else None
    for job in backup.catalogue.jobs:
        what = f"cron job {job.name or job.command}"[:200]
        call = _call(job)
        if known is None:
            tally.leave(what, f"the target has no pg_cron: {call}", "Enable it, then run this.")
        elif job.name is not None and job.name in known:
            tally.skip(what, "the target has a job of that name")
        else:
            # one transaction: no other session ever sees it active
            refused = target.attempt(f"SELECT cron.alter_job({call}, active := false)")
            if refused is None:
                tally.restored["CRON JOB"] += 1
                tally.leave(what, "it is paused", PAUSED.format("its jobid"))
            else:
                tally.refuse(what, refused, "Make it by hand.")


def note_history(target: Target, backup: HeldBackup, tally: Tally) -> None:
    """Bring the history of the user's own migrations where the target has a table for it."""
    rows = backup.catalogue.migrations
    if not rows:
        return
    # as documents: the columns of that table have changed between releases of the tool
    documents = _literal(json.dumps(rows))
    refused = target.attempt(
        f"INSERT INTO {HISTORY} SELECT r.* FROM"
        f" json_populate_recordset(NULL::{HISTORY}, {documents}) AS r ON CONFLICT DO NOTHING"
    )
    if refused is None:
        tally.restored["MIGRATION"] += len(rows)
    else:
        tally.leave("history of migrations", refused, "Run supabase migration repair.")


def end_loans(target: Target, ends: Sequence[str], tally: Tally) -> None:
    """Take back the rights that only the restore needed."""
    refused = target.attempt(*ends) if ends else None
    if refused is not None:
        tally.leave("rights that the restore lent", refused, "Run: " + "; ".join(ends))


def creation_of(extension: Extension, schemas: Collection[str]) -> tuple[str, ...]:
    """Return the statements that create an extension where these schemas are."""
    name, schema = quoted(extension.name), quoted(extension.schema)
    if extension.name in OWN_SCHEMA:
        return (f"CREATE EXTENSION IF NOT EXISTS {name} CASCADE",)
    # not even IF NOT EXISTS may be said of pg_catalog, where pg_cron lies
    ahead = () if extension.schema in schemas else (f"CREATE SCHEMA IF NOT EXISTS {schema}",)
    return (*ahead, f"CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {schema} CASCADE")


def _known_jobs(target: Target) -> frozenset[str | None] | None:
    if target.rows("SELECT pg_catalog.to_regclass('cron.job') IS NOT NULL") != [(True,)]:
        return None
    return frozenset(name for (name,) in target.rows("SELECT jobname FROM cron.job"))


def _call(job: CronJob) -> str:
    named = [] if job.name is None else [job.name]
    return f"cron.schedule({', '.join(map(_literal, [*named, job.schedule, job.command]))})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
