"""Choose entries of an archive: a pure function from its table of contents and what is wanted.

Three kinds of entries come along with what was named:
  attached   rows, indexes, constraints, triggers, grants: when everything they need is restored
             too; a foreign key to a table that stays behind is left out, and said
  needed     schemas, types, functions, sequences: unless the target has them already
  partitions of a partitioned table that was named
A view or table that needs another table which nobody named cannot be restored: that is `missing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.restore import Note, Selection
from chalicelib.engine.archive.toc import TocEntry
from chalicelib.engine.restore.facts import Thing

NAMEABLE: Final = frozenset({"TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE", "SEQUENCE"})
ROWS: Final = frozenset(
    {
        "TABLE DATA",
        "SEQUENCE SET",
        "MATERIALIZED VIEW DATA",
        "BLOB",
        "BLOBS",
        "BLOB METADATA",
        "STATISTICS DATA",
    }
)
ATTACHED: Final = ROWS | {
    "ACL",
    "CHECK CONSTRAINT",
    "COMMENT",
    "CONSTRAINT",
    "DEFAULT",
    "FK CONSTRAINT",
    "INDEX",
    "INDEX ATTACH",
    "POLICY",
    "PUBLICATION TABLE",
    "ROW SECURITY",
    "RULE",
    "SECURITY LABEL",
    "SEQUENCE OWNED BY",
    "STATISTICS",
    "TABLE ATTACH",
    "TRIGGER",
}
NEEDED: Final = frozenset(
    {
        "ACCESS METHOD",
        "AGGREGATE",
        "COLLATION",
        "CONVERSION",
        "DOMAIN",
        "EXTENSION",
        "FOREIGN DATA WRAPPER",
        "FUNCTION",
        "OPERATOR",
        "OPERATOR CLASS",
        "OPERATOR FAMILY",
        "PROCEDURAL LANGUAGE",
        "PROCEDURE",
        "SCHEMA",
        "SEQUENCE",
        "SERVER",
        "SHELL TYPE",
        "TEXT SEARCH CONFIGURATION",
        "TEXT SEARCH DICTIONARY",
        "TEXT SEARCH PARSER",
        "TEXT SEARCH TEMPLATE",
        "TYPE",
    }
)
# pg_restore makes the settings itself, and what is of the database only when it creates one
SETTINGS: Final = frozenset(
    {"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES"}
)
_NAME: Final = re.compile(r'(?:"((?:[^"]|"")+)"|([^".]+))(\.|$)')


@dataclass(frozen=True)
class Chosen:
    """Hold what is restored, in the order of the archive, and what is not, with the reason."""

    entries: tuple[TocEntry, ...]
    skipped: tuple[Note, ...] = ()
    missing: tuple[Note, ...] = ()


def thing_of(entry: TocEntry) -> Thing:
    """Name the object of an entry."""
    return Thing(entry.descriptor, entry.namespace, entry.tag)


def choose_entries(
    entries: Sequence[TocEntry], selection: Selection, present: frozenset[Thing]
) -> Chosen:
    """Return what a selection leads to; InvalidRequest names what the archive does not have."""
    restorable = [entry for entry in entries if not _is_of_database(entry)]
    if not selection.is_partial:
        return Chosen(_part(restorable, selection))
    choice = _Choice(restorable, present)
    choice.begin([*_tables(restorable, selection.tables), *_schemas(restorable, selection.schemas)])
    chosen = choice.finish()
    return Chosen(_part(chosen.entries, selection), chosen.skipped, chosen.missing)


def _is_of_database(entry: TocEntry) -> bool:
    return entry.descriptor in SETTINGS or entry.tag.startswith("DATABASE ")


def _part(entries: Iterable[TocEntry], selection: Selection) -> tuple[TocEntry, ...]:
    if selection.schema_only:
        return tuple(entry for entry in entries if entry.descriptor not in ROWS)
    if selection.data_only:
        return tuple(entry for entry in entries if entry.descriptor in ROWS)
    return tuple(entries)


def parse_name(text: str) -> tuple[str | None, str]:
    """Split a name as PostgreSQL prints it into schema (None: not said) and name."""
    parts: list[str] = []
    position = 0
    while match := _NAME.match(text, position):
        parts.append(match[1].replace('""', '"') if match[1] else match[2])
        position = match.end()
        if not match[3]:
            break
    if position != len(text) or text.endswith(".") or len(parts) not in {1, 2}:
        raise InvalidRequest(
            "the name of a table cannot be read",
            hint='Write it as public.orders, with quotes around odd parts: "my.schema"."Orders".',
            field="tables",
        )
    return (parts[0], parts[1]) if len(parts) > 1 else (None, parts[0])


def _tables(entries: Sequence[TocEntry], names: Sequence[str]) -> list[TocEntry]:
    found = []
    for text in names:
        schema, name = parse_name(text)
        fitting = [
            entry
            for entry in entries
            if entry.descriptor in NAMEABLE
            and entry.tag == name
            and schema in {None, entry.namespace}
        ]
        if len(fitting) != 1:
            raise InvalidRequest(
                f"the archive has {len(fitting) or 'no'} tables called {text}",
                hint="Name it with its schema, as the contents of the archive list it.",
                field="tables",
            )
        found += fitting
    return found


def _schemas(entries: Sequence[TocEntry], names: Sequence[str]) -> list[TocEntry]:
    found = []
    for name in names:
        inside = [
            entry
            for entry in entries
            if (entry.namespace == name and entry.descriptor not in ATTACHED)
            or (entry.descriptor == "SCHEMA" and entry.tag == name)
        ]
        if not inside:
            raise InvalidRequest(f"the archive has nothing in a schema {name}", field="schemas")
        found += inside
    return found


class _Choice:
    """Follow dependencies until nothing more comes along."""

    def __init__(self, entries: Sequence[TocEntry], present: frozenset[Thing]) -> None:
        self._entries = entries
        self._by_id = {entry.dump_id: entry for entry in entries}
        self._schemas = {e.tag: e for e in entries if e.descriptor == "SCHEMA"}
        self._present = present
        self._kept: set[int] = set()

    def begin(self, roots: Iterable[TocEntry]) -> None:
        self._kept = {entry.dump_id for entry in roots}
        self._add_partitions()

    def finish(self) -> Chosen:
        while self._add_needed() | self._add_attached():
            pass
        return Chosen(
            tuple(entry for entry in self._entries if entry.dump_id in self._kept),
            tuple(self._skipped()),
            tuple(self._missing()),
        )

    def _add_partitions(self) -> None:
        # a partition of a partition may come in any order
        attachments = [e for e in self._entries if e.descriptor == "TABLE ATTACH"]
        grown = True
        while grown:
            before = len(self._kept)
            for attachment in attachments:
                ends = [d for d in attachment.dependencies if d in self._by_id]
                child = [d for d in ends if self._by_id[d].tag == attachment.tag]
                if any(d in self._kept for d in ends if d not in child):
                    self._kept.update(child)
            grown = len(self._kept) > before

    def _add_needed(self) -> bool:
        before = len(self._kept)
        for entry in self._entries:
            if entry.dump_id in self._kept:
                self._kept.update(n.dump_id for n in self._needs(entry) if self._may_come(n))
        return len(self._kept) > before

    def _add_attached(self) -> bool:
        before = len(self._kept)
        for entry in self._entries:
            if entry.dump_id not in self._kept and self._is_attached(entry):
                needs = self._needs(entry)
                holds = any(n.dump_id in self._kept for n in needs)
                if holds and not any(self._is_out(n) for n in needs):
                    self._kept.add(entry.dump_id)
        return len(self._kept) > before

    def _is_attached(self, entry: TocEntry) -> bool:
        if entry.descriptor != "SEQUENCE":
            return entry.descriptor in ATTACHED
        # one that a table owns goes away with the table, so it comes with it, present or not
        return any(self._holds(need) for need in self._needs(entry))

    def _needs(self, entry: TocEntry) -> list[TocEntry]:
        needs = [self._by_id[d] for d in entry.dependencies if d in self._by_id]
        schema = self._schemas.get(entry.namespace)
        is_whole = entry.descriptor not in ATTACHED
        return [*needs, schema] if schema is not None and is_whole else needs

    def _may_come(self, entry: TocEntry) -> bool:
        return entry.descriptor in NEEDED and thing_of(entry) not in self._present

    def _is_out(self, entry: TocEntry) -> bool:
        return entry.dump_id not in self._kept and entry.descriptor not in NEEDED

    def _skipped(self) -> Iterable[Note]:
        for entry in self._entries:
            if entry.descriptor not in ATTACHED or entry.dump_id in self._kept:
                continue
            needs = self._needs(entry)
            # the table says more than its primary key
            out = sorted(filter(self._is_out, needs), key=lambda n: n.descriptor not in NAMEABLE)
            if out and any(self._holds(n) for n in needs):
                what = str(thing_of(entry))
                yield Note(what=what, message=f"needs {thing_of(out[0])}, which is not restored")

    def _holds(self, entry: TocEntry) -> bool:
        return entry.dump_id in self._kept and entry.descriptor in NAMEABLE

    def _missing(self) -> Iterable[Note]:
        for entry in self._entries:
            if entry.dump_id not in self._kept:
                continue
            for need in self._needs(entry):
                if self._is_out(need) and thing_of(need) not in self._present:
                    what = str(thing_of(entry))
                    yield Note(what=what, message=f"needs {thing_of(need)}, which was not named")
