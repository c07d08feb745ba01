"""Find foreign keys to rows of the platform's tables that a restore would leave out.

Rows go in without any check and constraints are made at the end, so such a restore would bring
everything and fail then. Where every row must refer to something it is refused; where a row may
refer to nothing nobody knows without reading them all, and it is warned of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.backup import Component, SourceCounts
from chalicelib.domain.errors import Conflict
from chalicelib.domain.foreign_key import ForeignKey, foreign_key
from chalicelib.restore_ports import Entry
from chalicelib.supabase.restore.backup import HeldBackup
from chalicelib.supabase.restore.choice import Choice
from chalicelib.supabase.restore.facts import ProjectFacts
from chalicelib.supabase.restore.roles import quoted

COMPONENTS: Final = {"auth": Component.AUTH, "storage": Component.STORAGE}


@dataclass(frozen=True)
class Dangling:
    """Say which foreign key may find nothing, and why that is sure or not.

    `must_refer`: every row of its table refers to something. `has_rows`: the target's table that
    it refers to holds rows, which may be the right ones.
    """

    key: ForeignKey
    must_refer: bool
    has_rows: bool

    def __str__(self) -> str:
        """Say what is wrong, and where."""
        return f"{self.key} refers to {'.'.join(self.key.refers_to)}, whose rows are left out"

    @property
    def problem(self) -> Conflict | None:
        """Why the restore must not begin; None where it may come out well."""
        if self.has_rows or not self.must_refer:
            return None
        component = COMPONENTS[self.key.refers_to[0]]
        return Conflict(
            str(self), hint=f"Restore the component {component} as well, or leave out database."
        )


def dangling(facts: ProjectFacts, backup: HeldBackup, choice: Choice) -> tuple[Dangling, ...]:
    """Return the foreign keys that are restored without what they refer to."""
    if Component.DATABASE not in backup.components:
        return ()
    tables = {(e.schema, e.name): e.definition for e in choice.before if e.kind == "TABLE"}
    empty = _empty(backup.source.counts)
    return tuple(
        Dangling(key, _must_refer(key, tables), ".".join(key.refers_to) in facts.filled)
        for key in _foreign_keys(choice.after)
        if key.is_checked and key.table not in empty and _is_left_out(key, backup)
    )


def _foreign_keys(entries: Iterable[Entry]) -> Iterator[ForeignKey]:
    found = (foreign_key(entry.definition) for entry in entries if entry.kind == "FK CONSTRAINT")
    return (key for key in found if key is not None)


def _is_left_out(key: ForeignKey, backup: HeldBackup) -> bool:
    component = COMPONENTS.get(key.refers_to[0])
    return component is not None and component not in backup.components


def _empty(counts: SourceCounts | None) -> frozenset[tuple[str, str]]:
    tables = counts.tables if counts is not None else ()
    return frozenset((one.schema_name, one.table) for one in tables if one.rows == 0)


def _must_refer(key: ForeignKey, tables: Mapping[tuple[str, str], str]) -> bool:
    """Tell whether no column of the key may be NULL, by the lines of the table's definition."""
    lines = tables.get(key.table, "").splitlines()
    names = [f"{re.escape(name)}|{re.escape(quoted(name))}" for name in key.columns]
    return all(
        any(re.match(rf" +(?:{name}) .*\bNOT NULL", line) for line in lines) for name in names
    )
