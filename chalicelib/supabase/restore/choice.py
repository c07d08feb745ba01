"""Choose what of `database.dump` is restored into a project: a filter over its contents.

Only whole entries are left out, and each with a reason: the text of a statement is never touched,
for a line that looks like a grant may stand in the body of a function.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from chalicelib.domain.restore import Note
from chalicelib.domain.supabase import is_managed_schema
from chalicelib.restore_ports import Entry

REALTIME: Final = "supabase_realtime"
ROWS: Final = "TABLE DATA"
POSITIONS: Final = "SEQUENCE SET"
LARGE_OBJECTS: Final = frozenset({"BLOB", "BLOB METADATA", "BLOBS"})
_SETTINGS: Final = frozenset(
    {"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES"}
)
_SUPERUSERS: Final = {
    "ACCESS METHOD": "only a superuser may create an access method",
    "EVENT TRIGGER": "only a superuser may create an event trigger",
    "FOREIGN DATA WRAPPER": "only a superuser may create a foreign data wrapper",
    "SUBSCRIPTION": "it would begin to receive rows; create it by hand",
}
# made by other means, so that what needs them is restored
_MADE_AHEAD: Final = frozenset({"EXTENSION", "SCHEMA"})
_ATTACHED_TO: Final = re.compile(r"(?:ACL|COMMENT|SECURITY LABEL)")
_GRANTEE: Final = re.compile(
    r'^(?:GRANT|REVOKE|ALTER DEFAULT PRIVILEGES) .* (?:TO|FROM) ("(?:[^"]|"")+"|[^\s;,"]+)',
    re.MULTILINE,
)
_NOBODY: Final = frozenset({"PUBLIC"})
_OWNED: Final = frozenset(
    {
        "AGGREGATE",
        "BLOB",
        "BLOB METADATA",
        "COLLATION",
        "CONVERSION",
        "DOMAIN",
        "FOREIGN TABLE",
        "FUNCTION",
        "MATERIALIZED VIEW",
        "OPERATOR",
        "OPERATOR CLASS",
        "OPERATOR FAMILY",
        "PROCEDURE",
        "PUBLICATION",
        "SCHEMA",
        "SEQUENCE",
        "SERVER",
        "STATISTICS",
        "TABLE",
        "TEXT SEARCH CONFIGURATION",
        "TEXT SEARCH DICTIONARY",
        "TYPE",
        "VIEW",
    }
)


@dataclass(frozen=True)
class World:
    """Say what a target has once roles and extensions are there.

    `roles` maps each to whether we may act as it; `publications` to whether it is ours.
    """

    user: str
    is_superuser: bool
    schemas: frozenset[str]
    roles: Mapping[str, bool]
    publications: Mapping[str, bool]

    def may_give_to(self, role: str) -> bool:
        """Tell whether an object may be made to belong to a role."""
        return self.is_superuser or role == self.user or self.roles.get(role, False)


@dataclass(frozen=True)
class Segment:
    """Hold entries that one run of pg_restore brings."""

    dump_ids: tuple[int, ...]
    no_owner: bool


@dataclass(frozen=True)
class Choice:
    """Say what is restored at which stage, and what is not."""

    before: tuple[Entry, ...]
    rows: tuple[Entry, ...]
    positions: tuple[Entry, ...]
    after: tuple[Entry, ...]
    skipped: tuple[Note, ...]
    disowned: tuple[Note, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All that is restored."""
        return (*self.before, *self.rows, *self.positions, *self.after)


def choose(entries: Sequence[Entry], world: World) -> Choice:
    """Return what a target gets of an archive."""
    reasons = dict(_reasons(entries, world))
    kept = [entry for entry in entries if entry.dump_id not in reasons]
    skipped = [
        Note(what=str(entry), message=reasons[entry.dump_id])
        for entry in entries
        if reasons.get(entry.dump_id)
    ]
    return Choice(
        before=tuple(e for e in kept if _stage(e) == "before"),
        rows=tuple(e for e in kept if e.kind == ROWS),
        positions=tuple(e for e in kept if _stage(e) == "positions"),
        after=tuple(e for e in kept if _stage(e) == "after"),
        skipped=tuple(skipped),
        disowned=tuple(_disowned(kept, world)),
    )


def segments(entries: Sequence[Entry], world: World) -> tuple[Segment, ...]:
    """Split entries into runs, so that objects nobody may give away come without their owner."""
    marked: list[tuple[bool, Entry]] = []
    for entry in entries:
        # what has no owner of its own goes with what came before it
        before = marked[-1][0] if marked else False
        no_owner = not world.may_give_to(entry.owner) if _has_owner(entry) else before
        marked.append((no_owner, entry))
    return tuple(
        Segment(tuple(entry.dump_id for _, entry in group), no_owner)
        for no_owner, group in groupby(marked, key=lambda pair: pair[0])
    )


def grantees(entry: Entry) -> Iterator[str]:
    """Name the roles that an entry grants something to, or takes something from."""
    for name in _GRANTEE.findall(entry.definition):
        plain = name[1:-1].replace('""', '"') if name.startswith('"') else name
        if plain not in _NOBODY:
            yield plain


def _has_owner(entry: Entry) -> bool:
    return entry.kind in _OWNED and bool(entry.owner)


def _disowned(kept: Sequence[Entry], world: World) -> Iterator[Note]:
    for entry in kept:
        if _has_owner(entry) and not world.may_give_to(entry.owner):
            message = f"belongs to {world.user} now, as nothing may be given to {entry.owner}"
            yield Note(what=str(entry), message=message)


def _stage(entry: Entry) -> str:
    # large objects are data that no COPY brings: pg_restore does, as it sets sequences
    if entry.kind == POSITIONS or entry.kind in LARGE_OBJECTS:
        return "positions"
    if entry.kind == ROWS:
        return "rows"
    return "before" if entry.section == "pre-data" else "after"


def _reasons(entries: Sequence[Entry], world: World) -> Iterator[tuple[int, str]]:
    """Yield what is left out, with the reason; an empty one is none of anybody's concern."""
    lost: set[int] = set()
    by_id = {entry.dump_id: entry for entry in entries}
    for entry in entries:
        reason = _reason(entry, world)
        if reason is None:
            missing = next((by_id[n] for n in entry.needs if n in lost), None)
            reason = None if missing is None else f"needs {missing}, which is not restored"
        if reason is None:
            continue
        # a publication that is there, or that the platform makes, takes its members all the same
        if entry.kind not in _MADE_AHEAD and entry.kind != "PUBLICATION":
            lost.add(entry.dump_id)
        yield entry.dump_id, reason


def _reason(entry: Entry, world: World) -> str | None:
    if entry.kind in _SETTINGS or entry.name.startswith(("DATABASE ", "EXTENSION ")):
        return ""
    if entry.kind in _MADE_AHEAD:
        is_there = entry.kind == "EXTENSION" or entry.name in world.schemas
        return "" if is_there else _managed(entry)
    if entry.kind in _SUPERUSERS and not world.is_superuser:
        return _SUPERUSERS[entry.kind]
    if entry.kind.startswith("PUBLICATION"):
        return _publication(entry, world)
    return _managed(entry) or _rights(entry, world)


def _managed(entry: Entry) -> str | None:
    name = entry.schema
    if entry.kind == "SCHEMA":
        name = entry.name
    elif _ATTACHED_TO.match(entry.kind) and entry.name.startswith("SCHEMA "):
        name = entry.name.removeprefix("SCHEMA ")
    return f"schema {name} belongs to the platform" if is_managed_schema(name) else None


def _publication(entry: Entry, world: World) -> str | None:
    if entry.kind == "PUBLICATION":
        # its tables are added to the one that is there
        if entry.name in world.publications:
            return ""
        if entry.name.startswith(REALTIME):
            return "the platform makes it"
        is_of_all = " FOR ALL TABLES" in entry.definition and not world.is_superuser
        return "only a superuser may publish all tables" if is_of_all else None
    foreign = [p for p, is_ours in world.publications.items() if not is_ours]
    mine = next((name for name in foreign if entry.name.startswith(f"{name} ")), None)
    return None if mine is None else f"publication {mine} belongs to another role of the target"


def _rights(entry: Entry, world: World) -> str | None:
    if entry.kind == "DEFAULT ACL" and not world.may_give_to(entry.owner):
        return f"the defaults of {entry.owner} are not ours to set"
    if entry.kind not in {"ACL", "DEFAULT ACL"}:
        return None
    absent = sorted(set(grantees(entry)) - world.roles.keys())
    return f"the target does not have the role {absent[0]}" if absent else None


def owners_of(entries: Sequence[Entry]) -> Collection[str]:
    """Name the roles that objects belong to."""
    return {entry.owner for entry in entries if _has_owner(entry)}
