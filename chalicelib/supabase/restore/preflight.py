"""Decide whether a restore into a project may begin: a pure function over target and backup.

Everything that can be known is told at once, so that nobody mends one thing to meet the next.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.backup import Component, SourceCounts
from chalicelib.domain.errors import Conflict, HoldfastError, PermissionDenied, VersionUnsupported
from chalicelib.domain.restore import MAX_NOTES, Preflight, Problem
from chalicelib.restore_ports import Entry
from chalicelib.supabase.parts import AUTH, STORAGE
from chalicelib.supabase.restore.backup import HeldBackup
from chalicelib.supabase.restore.choice import Choice, owners_of
from chalicelib.supabase.restore.facts import ProjectFacts
from chalicelib.supabase.restore.references import Dangling
from chalicelib.supabase.restore.roles import RolePlan

MAX_NAMED: Final = 5
_COPY: Final = re.compile(r"COPY (.+?) \((.*)\) FROM stdin;", re.DOTALL)
_COLUMN: Final = re.compile(r'"((?:[^"]|"")+)"|([^",\s]+)')
_LEADING: Final = re.compile(r"\d+")
_NAMES: Final = frozenset(
    {"TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "FOREIGN TABLE", "FUNCTION", "TYPE"}
)
PARTS: Final = {Component.AUTH: AUTH, Component.STORAGE: STORAGE}


@dataclass(frozen=True)
class Plan:
    """Say what would be done: the choice of each archive, the roles, and what stays behind."""

    choice: Choice
    roles: RolePlan
    rows: dict[str, tuple[Entry, ...]]
    dangling: tuple[Dangling, ...] = ()
    unreachable: tuple[HoldfastError, ...] = ()
    warnings: tuple[str, ...] = ()


def judge(facts: ProjectFacts, backup: HeldBackup, plan: Plan) -> Preflight:
    """Return everything that speaks against the restore, and what it would do."""
    problems = [
        *_version(facts, backup),
        *_database(facts, backup, plan),
        *_rows(facts, backup, plan),
        *(one.problem for one in plan.dangling if one.problem is not None),
        *plan.unreachable,
    ]
    kinds = Counter(entry.kind for entry in plan.choice.entries)
    return Preflight(
        problems=tuple(Problem(code=p.code, message=p.message, hint=p.hint) for p in problems),
        warnings=(*plan.warnings, *_warnings(facts, backup, plan)),
        skipped=plan.choice.skipped[:MAX_NOTES],
        objects=dict(sorted(kinds.items())) if Component.DATABASE in backup.components else {},
        server_version=facts.server_version,
        client_version=facts.client_version,
    )


def columns_of(entry: Entry) -> tuple[str, ...]:
    """Name the columns that the rows of an entry fill."""
    found = _COPY.match(entry.copy_statement)
    if found is None:
        return ()
    return tuple(
        quoted.replace('""', '"') if quoted else plain
        for quoted, plain in _COLUMN.findall(found[2])
    )


def _version(facts: ProjectFacts, backup: HeldBackup) -> Iterator[HoldfastError]:
    source = _major(backup.source.server_version or "")
    if source > _major(facts.server_version):
        yield VersionUnsupported(
            f"the backup is of PostgreSQL {backup.source.server_version} and the target is older,"
            f" {facts.server_version}",
            hint="Restore into a project of the same major version or newer.",
        )


def _database(facts: ProjectFacts, backup: HeldBackup, plan: Plan) -> Iterator[HoldfastError]:
    if Component.DATABASE not in backup.components:
        return
    clashes = sorted(facts.own & {_thing(e) for e in plan.choice.entries if e.kind in _NAMES})
    if clashes:
        names = [f"{kind.lower()} {schema}.{name}" for kind, schema, name in clashes]
        yield Conflict(
            f"the target already has {_some(names)}",
            hint="Restore into a new project, or rename or drop these.",
        )
    absent = [
        e.name
        for e in backup.catalogue.extensions
        if e.name not in facts.extensions | facts.installed
    ]
    if absent:
        yield Conflict(
            f"the target's server does not have the extension {_some(absent)}",
            hint="Enable it in the project's dashboard, or ask the platform for it.",
        )
    known = facts.world.roles.keys() | plan.roles.created
    missing = sorted(role for role in owners_of(plan.choice.entries) if role not in known)
    if missing:
        yield Conflict(
            f"the target does not have the role {_some(missing)}, which owns objects",
            hint="Restore the component roles as well, or create the role first.",
        )


def _rows(facts: ProjectFacts, backup: HeldBackup, plan: Plan) -> Iterator[HoldfastError]:
    if facts.refuses_replica is not None:
        yield PermissionDenied(
            f"user {facts.world.user} may not keep triggers from firing: {facts.refuses_replica}",
            hint="Restore as the role postgres of the project.",
        )
    for component, artefact in PARTS.items():
        if component in backup.components:
            yield from _part(facts, component, plan.rows.get(artefact, ()))


def _part(
    facts: ProjectFacts, component: Component, entries: Iterable[Entry]
) -> Iterator[HoldfastError]:
    found = sorted(name for name in facts.filled if name.startswith(f"{component}."))
    if found:
        yield Conflict(
            f"the target already has rows in {_some(found)}",
            hint="Restore into a new project, or leave this component out.",
        )
    for entry in entries:
        room = facts.rooms.get(f"{entry.schema}.{entry.name}")
        if room is None:
            yield Conflict(f"the target has no table {entry.schema}.{entry.name}", hint=_OLDER)
            continue
        # more columns in the target are fine: rows name theirs
        lacking = [name for name in columns_of(entry) if name not in room.columns]
        if lacking:
            yield Conflict(
                f"table {entry.schema}.{entry.name} of the target lacks the column"
                f" {_some(lacking)}",
                hint=_OLDER,
            )
        elif not room.may_insert:
            yield PermissionDenied(
                f"user {facts.world.user} may not write table {entry.schema}.{entry.name}",
                hint="Restore as the role postgres of the project.",
            )


_OLDER: Final = (
    "The target runs an older release of the platform: upgrade it, or restore into a new project."
)


def filled(entries: Iterable[Entry], counts: SourceCounts | None) -> tuple[Entry, ...]:
    """Return the entries that bring rows; where nobody counted, all of them."""
    if counts is None:
        return tuple(entries)
    empty = {(one.schema_name, one.table) for one in counts.tables if one.rows == 0}
    return tuple(entry for entry in entries if (entry.schema, entry.name) not in empty)


def _warnings(facts: ProjectFacts, backup: HeldBackup, plan: Plan) -> Iterator[str]:
    if Component.DATABASE in backup.components:
        yield from (f"{note.what} {note.message}" for note in plan.choice.disowned[:MAX_NAMED])
        if backup.catalogue.jobs and not facts.has_cron and not _brings_cron(backup):
            yield "the target has no pg_cron: its jobs are listed and not made"
    yield from (str(one) for one in plan.dangling if one.problem is None)
    if Component.AUTH in backup.components:
        yield "users stay signed in only under the JWT secret of the source"


def _brings_cron(backup: HeldBackup) -> bool:
    return any(one.name == "pg_cron" for one in backup.catalogue.extensions)


def _thing(entry: Entry) -> tuple[str, str, str]:
    return entry.kind, entry.schema, entry.name


def _major(version: str) -> int:
    found = _LEADING.match(version)
    return int(found[0]) if found else 0


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - MAX_NAMED
    return ", ".join(listed[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
