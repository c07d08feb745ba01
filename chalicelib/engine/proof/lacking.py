"""Say what of a source several archives together do not bring back, so that it is told as a gap."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from chalicelib.domain.backup import BackupType
from chalicelib.domain.facts import DatabaseFacts
from chalicelib.domain.proof import Contents, Unproven
from chalicelib.engine.archive.toc import TABLE_DATA, TocEntry

T = TypeVar("T")

NOWHERE: Final = "no archive of the backup holds it"
NOT_INSTALLED: Final = "the scratch server does not have it"
NO_FUNCTION: Final = "its function lies in a schema that no archive of the backup holds"
DEFINED_ONLY: Final = "the backup holds its definition only"
ALWAYS_THERE: Final = frozenset({"", "public", "pg_catalog"})
_NAME: Final = r'(?:"((?:[^"]|"")+)"|([^\s".;]+))'
_EXTENSION_SCHEMA: Final = re.compile(rf"WITH SCHEMA {_NAME}")
_CALLED: Final = re.compile(rf"EXECUTE (?:FUNCTION|PROCEDURE) {_NAME}\.")


@dataclass(frozen=True)
class Listed:
    """Name an archive with what it lists; `kind` says what of its objects it brings."""

    name: str
    kind: BackupType
    entries: tuple[TocEntry, ...]


@dataclass(frozen=True)
class Lacking:
    """Name what a copy will not have as the source has it.

    `schemas` are empty there, `extensions` and `event_triggers` are not there; the rows of `tables`
    and the positions of `sequences` lie in no archive. `unknown` are definitions, as `publication
    news`, that the record of the source itself leaves open.
    """

    schemas: frozenset[str] = frozenset()
    extensions: frozenset[str] = frozenset()
    event_triggers: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    sequences: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    @property
    def is_something(self) -> bool:
        """Whether objects may refer to what is not there."""
        return bool(self.schemas or self.extensions)

    def gaps(self) -> tuple[Unproven, ...]:
        """List all of it with the reasons."""
        return tuple(
            Unproven(what=f"{what} {name}", reason=reason)
            for what, names, reason in (
                ("extension", self.extensions, NOT_INSTALLED),
                ("everything in schema", self.schemas, NOWHERE),
                ("event trigger", self.event_triggers, NO_FUNCTION),
                ("rows of table", self.tables, DEFINED_ONLY),
                ("sequence", self.sequences, DEFINED_ONLY),
            )
            for name in sorted(names)
        )

    def narrowed(self, contents: Contents) -> Contents:
        """Return what is left to compare."""
        definitions = contents.definitions and {
            kind: self._known(kind, names) for kind, names in contents.definitions.items()
        }
        return replace(
            contents,
            rows=contents.rows and self._present(contents.rows),
            row_sums=contents.row_sums and self._present(contents.row_sums),
            sequences=contents.sequences and self._present(contents.sequences),
            definitions=definitions,
        )

    def _present(self, named: Mapping[str, T]) -> dict[str, T]:
        return {
            name: one
            for name, one in named.items()
            if name not in self.tables | self.sequences and not self._is_away(name)
        }

    def _known(self, kind: str, named: Mapping[str, str]) -> dict[str, str]:
        return {name: one for name, one in named.items() if not self._is_unknown(kind, name)}

    def _is_unknown(self, kind: str, name: str) -> bool:
        if f"{kind} {name}" in self.unknown:
            return True
        match kind:
            case "schema":
                return name in self.schemas
            case "extension":
                return name in self.extensions
            case "event trigger":
                return name in self.event_triggers
            case "default privileges":
                return any(name.endswith(f" in {schema}") for schema in self.schemas)
        return self._is_away(name)

    def _is_away(self, name: str) -> bool:
        return any(name.startswith(f"{schema}.") for schema in self.schemas)


NOTHING: Final = Lacking()


def lacking(
    main: Sequence[Listed],
    parts: Sequence[Listed],
    facts: DatabaseFacts | None,
    not_installed: frozenset[str],
) -> Lacking:
    """Hold what archives list against the facts of the source and what the server can make.

    What only the definitions of a part name has neither rows nor a position in a copy; of the main
    archive, rows that are missing are no gap but a difference.
    """
    entries = [entry for one in (*main, *parts) for entry in one.entries]
    held = {entry.tag for entry in _of(entries, "SCHEMA")} | {one.namespace for one in entries}
    of_extensions = {_schema_in(_EXTENSION_SCHEMA, one) for one in _of(entries, "EXTENSION")}
    schemas = facts.definitions.get("schema", {}) if facts else {}
    absent = frozenset({*schemas, *of_extensions} - held - ALWAYS_THERE)
    defined = [entry for one in parts if one.kind is BackupType.SCHEMA for entry in one.entries]
    return Lacking(
        schemas=absent,
        extensions=not_installed,
        event_triggers=frozenset(
            one.tag for one in _of(entries, "EVENT TRIGGER") if _schema_in(_CALLED, one) in absent
        ),
        tables=_labels(_of(defined, "TABLE")) - _labels(_of(entries, TABLE_DATA)),
        sequences=_labels(_of(defined, "SEQUENCE")) - _labels(_of(entries, "SEQUENCE SET")),
        unknown=frozenset(facts.unknown if facts else ()),
    )


def _of(entries: Iterable[TocEntry], descriptor: str) -> list[TocEntry]:
    return [entry for entry in entries if entry.descriptor == descriptor]


def _labels(entries: Iterable[TocEntry]) -> frozenset[str]:
    return frozenset(f"{entry.namespace}.{entry.tag}" for entry in entries)


def _schema_in(statement: re.Pattern[str], entry: TocEntry) -> str:
    found = statement.search(entry.definition)
    if found is None:
        return ""
    return found[1].replace('""', '"') if found[1] else found[2]
