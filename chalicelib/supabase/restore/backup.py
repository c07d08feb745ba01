"""Read what a backup of a project holds, once, before anything is decided."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.domain.backup import Component
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.role_statements import IDENTIFIER, ROLES, unquoted
from chalicelib.postgres_ports import PartSource, RestoreFile, RestoreSource
from chalicelib.restore_ports import Entry, Target
from chalicelib.supabase.catalogue_queries import CATALOGUE
from chalicelib.supabase.config import CONFIG
from chalicelib.supabase.functions import FUNCTIONS
from chalicelib.supabase.parts import AUTH, STORAGE
from chalicelib.supabase.restore.catalogue import Catalogue, Extension, parsed, read_catalogue

_EXTENSION: Final = re.compile(
    rf"CREATE EXTENSION IF NOT EXISTS {IDENTIFIER} WITH SCHEMA {IDENTIFIER};"
)
OF_COMPONENT: Final[dict[Component, str]] = {
    Component.ROLES: ROLES,
    Component.AUTH: AUTH,
    Component.STORAGE: STORAGE,
    Component.FUNCTIONS: FUNCTIONS,
    Component.CONFIG: CONFIG,
}


@dataclass(frozen=True)
class HeldBackup:
    """Hold what a backup has: its components, the contents of its archives, its catalogue."""

    source: RestoreSource
    components: frozenset[Component]
    catalogue: Catalogue
    entries: Mapping[str, tuple[Entry, ...]]

    def part(self, name: str) -> PartSource:
        """Return an archive beside the main one; nothing is recorded of one in no manifest."""
        known = self.source.parts.get(name)
        return known or PartSource(self.source.artefacts[name], None)

    def lines(self, name: str) -> Iterator[str]:
        """Yield the lines of an artefact; none when there is no such one."""
        file = self.source.artefacts.get(name)
        return iter(()) if file is None else lines_of(file)

    def items(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects that the lines of an artefact hold."""
        return (parsed(line, name) for line in self.lines(name))


def held_backup(
    source: RestoreSource, wanted: tuple[Component, ...] | None, target: Target
) -> HeldBackup:
    """Look into a backup; InvalidRequest for a component that it does not hold."""
    present = {c for c, name in OF_COMPONENT.items() if name in source.artefacts}
    present.add(Component.DATABASE)
    absent = sorted(set(wanted or ()) - present)
    if absent:
        raise InvalidRequest(
            f"the backup does not hold the component {absent[0]}",
            hint=f"It holds {', '.join(sorted(present))}.",
            field="components",
        )
    file = source.artefacts.get(CATALOGUE)
    chosen = frozenset(wanted or present)
    main = target.entries(source.main)
    archives = {
        name: source.artefacts[name] for name in (AUTH, STORAGE) if name in source.artefacts
    }
    return HeldBackup(
        source=source,
        components=chosen,
        catalogue=catalogue_of(main) if file is None else read_catalogue(lines_of(file)),
        entries={
            "": main,
            **{name: target.entries(archive) for name, archive in archives.items()},
        },
    )


def catalogue_of(entries: Sequence[Entry]) -> Catalogue:
    """Return what can be known of a plain database, whose backup has no catalogue."""
    found = (_EXTENSION.match(one.definition) for one in entries if one.kind == "EXTENSION")
    return Catalogue(
        extensions=tuple(
            Extension(unquoted(one[1]), unquoted(one[2]), "") for one in found if one is not None
        ),
        secured=tuple((e.schema, e.name) for e in entries if e.kind == "ROW SECURITY"),
    )


def lines_of(file: RestoreFile) -> Iterator[str]:
    """Yield the lines of a text, without their ends, however long it is."""
    rest = b""
    for chunk in file.open():
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in whole if line)
    if rest:
        yield rest.decode()
