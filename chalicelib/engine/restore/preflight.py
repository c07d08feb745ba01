"""Decide whether a restore may begin: a pure function over target, archive and wishes.

Everything that can be known is told at once, so that nobody mends one thing to meet the next.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.errors import (
    Conflict,
    HoldfastError,
    InvalidRequest,
    PermissionDenied,
    VersionUnsupported,
)
from chalicelib.domain.foreign_key import foreign_key
from chalicelib.domain.restore import MAX_NOTES, Preflight, Problem, RestoreOptions
from chalicelib.domain.supabase import DUMPED_BESIDE
from chalicelib.engine.archive.toc import TocEntry
from chalicelib.engine.choice import NEW_SETTING_MAJOR
from chalicelib.engine.faults import printable
from chalicelib.engine.restore.facts import TargetFacts, Thing
from chalicelib.engine.restore.selection import NAMEABLE, Chosen, thing_of
from chalicelib.engine.versions import parse

MAX_NAMED: Final = 5
PREDEFINED: Final = re.compile(r"pg_[a-z_]+|public|PUBLIC")
_GRANTEE: Final = re.compile(
    r'^(?:GRANT|REVOKE) .* (?:TO|FROM) ("(?:[^"]|"")+"|[^\s;,"]+)', re.MULTILINE
)
_SPACE: Final = "free space on the target: PostgreSQL does not tell it"


@dataclass(frozen=True)
class Plan:
    """Say what would run: the chosen entries (None: a script), by which client, from where.

    `source_version` is the server that was dumped, `dumped_by` the pg_dump.
    """

    chosen: Chosen | None
    client_version: str
    source_version: str
    dumped_by: str
    warnings: tuple[str, ...] = ()


def judge(facts: TargetFacts, plan: Plan, options: RestoreOptions) -> Preflight:
    """Return everything that speaks against the restore, and what it would do."""
    entries = plan.chosen.entries if plan.chosen else ()
    problems = [
        *_versions(facts, plan),
        *_missing(plan.chosen),
        *_privileges(facts, entries),
        *_emptiness(facts, plan, options),
        *_extensions(facts, entries),
        *_platform(facts, entries),
        *([] if options.no_owner else _roles(facts, entries)),
    ]
    return Preflight(
        problems=tuple(_problem(error) for error in problems),
        warnings=(*plan.warnings, *_warnings(facts, plan, options)),
        skipped=plan.chosen.skipped[:MAX_NOTES] if plan.chosen else (),
        drops=_drops(facts, entries) if options.clean else (),
        objects=dict(sorted(Counter(entry.descriptor for entry in entries).items())),
        unknown=(_SPACE,),
        server_version=facts.version,
        client_version=plan.client_version,
    )


def _problem(error: HoldfastError) -> Problem:
    return Problem(code=error.code, message=error.message, hint=error.hint)


def _versions(facts: TargetFacts, plan: Plan) -> Iterator[HoldfastError]:
    target = parse(facts.version).major
    if plan.source_version and parse(plan.source_version).major > target:
        yield VersionUnsupported(
            f"the backup is of PostgreSQL {plan.source_version} and the target is older, "
            f"{facts.version}",
            hint="Restore into a server of the same major version or newer.",
        )
    is_script = plan.chosen is None
    if is_script and target < NEW_SETTING_MAJOR <= parse(plan.dumped_by).major:
        yield VersionUnsupported(
            f"the script sets transaction_timeout, which PostgreSQL {target} does not know",
            hint=f"Restore into PostgreSQL {NEW_SETTING_MAJOR} or newer, or use format custom.",
        )


def _missing(chosen: Chosen | None) -> Iterator[HoldfastError]:
    for note in (chosen.missing if chosen else ())[:MAX_NAMED]:
        yield InvalidRequest(
            f"{printable(note.what)} {printable(note.message)}",
            hint="Name that one too.",
            field="tables",
        )


def _privileges(facts: TargetFacts, entries: Iterable[TocEntry]) -> Iterator[HoldfastError]:
    if facts.is_read_only:
        yield PermissionDenied(
            "the target takes no changes, it is a replica or set to read only",
            hint="Restore into the primary.",
        )
    makes = {entry.namespace for entry in entries if entry.descriptor in NAMEABLE}
    if "public" in makes and not facts.may_create_in_public:
        yield PermissionDenied(
            f"user {printable(facts.user)} may not create anything in the schema public",
            hint="GRANT CREATE ON SCHEMA public to that user, or use the database's owner.",
        )
    if any(entry.descriptor == "SCHEMA" for entry in entries) and not facts.may_create_schemas:
        yield PermissionDenied(
            f"user {printable(facts.user)} may not create schemas in the target",
            hint="GRANT CREATE ON DATABASE to that user, or use the database's owner.",
        )


def _emptiness(facts: TargetFacts, plan: Plan, options: RestoreOptions) -> Iterator[HoldfastError]:
    if options.clean or (plan.chosen is None and options.confirmation is not None):
        return
    if options.selection.data_only:
        yield from _rows_in_the_way(facts, plan)
    elif options.selection.is_partial and plan.chosen is not None:
        clashes = sorted(facts.objects & {thing_of(entry) for entry in plan.chosen.entries})
        if clashes:
            yield Conflict(
                f"the target already has {_listed(clashes)}",
                hint="Rename or drop these, or restore with clean, which drops them first.",
            )
    elif not facts.is_empty:
        held = _listed(facts.held) if facts.held else f"{facts.large_objects} large objects"
        yield Conflict(
            f"the target is not empty, it has {held}",
            hint="Restore into an empty database, or with clean and its confirmation.",
        )


def _rows_in_the_way(facts: TargetFacts, plan: Plan) -> Iterator[HoldfastError]:
    wanted = {
        Thing("TABLE", e.namespace, e.tag)
        for e in (plan.chosen.entries if plan.chosen else ())
        if e.is_table_data
    }
    absent = sorted(wanted - facts.objects)
    if absent:
        yield Conflict(
            f"the target does not have {_listed(absent)}",
            hint="Restore the definitions first, or leave data_only out.",
        )
    if facts.filled:
        yield Conflict(
            f"rows are already in {_listed(sorted(facts.filled))}",
            hint="Empty these tables first; rows would come twice otherwise.",
        )


def _extensions(facts: TargetFacts, entries: Iterable[TocEntry]) -> Iterator[HoldfastError]:
    wanted = [entry.tag for entry in entries if entry.descriptor == "EXTENSION"]
    available = facts.extensions or {}
    absent = [name for name in wanted if name not in available]
    if absent:
        yield Conflict(
            f"the target's server does not have the extension {_named(absent)}",
            hint="Install it on the server, or restore chosen tables that do not need it.",
        )
    installed = {thing.name for thing in facts.objects if thing.descriptor == "EXTENSION"}
    refused = [
        name
        for name in wanted
        if available.get(name) and name not in installed and not facts.is_superuser
    ]
    if refused:
        yield PermissionDenied(
            f"only a superuser may create the extension {_named(refused)}",
            hint="Have a superuser create it in the target first.",
        )


def _platform(facts: TargetFacts, entries: Iterable[TocEntry]) -> Iterator[HoldfastError]:
    """Yield foreign keys to tables of a hosting platform, which lie in an archive of their own."""
    found = list(entries)
    schemas = {thing.name for thing in facts.objects if thing.descriptor == "SCHEMA"}
    schemas |= {entry.tag for entry in found if entry.descriptor == "SCHEMA"}
    keys = [foreign_key(entry.definition) for entry in found if entry.descriptor == "FK CONSTRAINT"]
    absent = [
        key
        for key in keys
        if key is not None and key.refers_to[0] in DUMPED_BESIDE and key.refers_to[0] not in schemas
    ]
    for key in absent[:MAX_NAMED]:
        yield Conflict(
            f"{printable(str(key))} refers to {printable('.'.join(key.refers_to))}, and the target "
            f"has no schema {key.refers_to[0]}",
            hint="Restore into a Supabase project, choose tables without that one, or follow "
            "RECOVERY.md, which brings the platform's definitions first.",
        )


def _roles(facts: TargetFacts, entries: Iterable[TocEntry]) -> Iterator[HoldfastError]:
    known = facts.roles or {}
    found = list(entries)
    owners = {entry.owner for entry in found if entry.owner}
    wanted = owners | {name for entry in found for name in _grantees(entry)}
    absent = sorted(role for role in wanted - known.keys() if not PREDEFINED.fullmatch(role))
    if absent:
        yield Conflict(
            f"the target's server does not have the role {_named(absent)}",
            hint="Create the roles first, or restore with no_owner: then all belongs to "
            f"{printable(facts.user)}, without grants.",
        )
    foreign = sorted(role for role in owners & known.keys() if not known[role])
    # pg_database_owner owns the schema public, and nobody may act as it
    foreign = [role for role in foreign if not PREDEFINED.fullmatch(role)]
    if foreign and not facts.is_superuser:
        yield PermissionDenied(
            f"user {printable(facts.user)} may not give objects to {_named(foreign)}",
            hint="Restore with no_owner, or as a member of these roles.",
        )


def _grantees(entry: TocEntry) -> Iterator[str]:
    if entry.descriptor in {"ACL", "DEFAULT ACL"}:
        for name in _GRANTEE.findall(entry.definition):
            yield name[1:-1].replace('""', '"') if name.startswith('"') else name


def _warnings(facts: TargetFacts, plan: Plan, options: RestoreOptions) -> Iterator[str]:
    target = parse(facts.version).major
    if plan.chosen is not None and target < NEW_SETTING_MAJOR <= parse(plan.client_version).major:
        yield (
            f"PostgreSQL {target} does not know the setting transaction_timeout, which the client "
            f"of version {plan.client_version} makes: that one complaint is ignored"
        )
    if options.no_owner:
        yield f"everything will belong to {printable(facts.user)}, without grants"
    if options.selection.data_only and not facts.is_superuser:
        yield "triggers and foreign keys stay on, because only a superuser may turn them off"
    if plan.chosen is None:
        yield "a script is restored in one transaction, all or nothing"


def _drops(facts: TargetFacts, entries: Iterable[TocEntry]) -> tuple[str, ...]:
    both = sorted(facts.objects & {thing_of(entry) for entry in entries})
    return tuple(printable(str(thing)) for thing in both[:MAX_NOTES])


def _listed(things: Iterable[Thing]) -> str:
    return _named([str(thing) for thing in things])


def _named(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:MAX_NAMED])
    more = len(names) - MAX_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
