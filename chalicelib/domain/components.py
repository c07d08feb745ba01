"""Which components a backup of a project takes: what was asked for, or what the project says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chalicelib.domain.backup import (
    BackupOptions,
    BackupType,
    Component,
    Compression,
    Format,
)
from chalicelib.domain.errors import InvalidRequest, Unsupported
from chalicelib.domain.project import Project, ProjectKind

OF_POSTGRESQL: Final = frozenset({Component.DATABASE, Component.ROLES})
TAKEABLE: Final[Mapping[ProjectKind, frozenset[Component]]] = MappingProxyType(
    {ProjectKind.POSTGRESQL: OF_POSTGRESQL, ProjectKind.SUPABASE: frozenset(Component)}
)
OF_ROWS: Final = frozenset({Component.AUTH, Component.STORAGE})
"""They are rows, so a backup of definitions alone has none of them."""


def chosen(options: BackupOptions, project: Project) -> BackupOptions:
    """Return the options with their components filled in, each once and in one order.

    Unsupported for what such a project does not have, InvalidRequest for what cannot go together.
    """
    asked = frozenset(options.components or _usual(options, project))
    if project.supabase is None and not asked <= OF_POSTGRESQL:
        raise Unsupported(
            f"a project of kind {ProjectKind.POSTGRESQL} has no {_named(asked - OF_POSTGRESQL)}",
            hint="Ask for database and roles, or make the project one of kind supabase.",
            field="components",
        )
    if Component.DATABASE not in asked:
        raise InvalidRequest(
            "every backup holds the component database",
            hint="Add database to the components, or leave the field out.",
            field="components",
        )
    if options.type is BackupType.SCHEMA and asked & OF_ROWS:
        raise InvalidRequest(
            f"a backup of type schema has no rows, so no {_named(asked & OF_ROWS)}",
            hint="Leave these components out, or ask for type full.",
            field="components",
        )
    if project.supabase is not None:
        _require_archives(options)
    ordered = tuple(one for one in Component if one in asked)
    return options.model_copy(update={"components": ordered})


def _usual(options: BackupOptions, project: Project) -> frozenset[Component]:
    if project.supabase is None:
        return frozenset({Component.DATABASE})
    usual = frozenset(project.supabase.components)
    return usual - OF_ROWS if options.type is BackupType.SCHEMA else usual


def _require_archives(options: BackupOptions) -> None:
    if options.format is Format.PLAIN or options.compression is Compression.BZIP2:
        raise InvalidRequest(
            "a supabase project is dumped in format custom only",
            hint="A script would run over what the platform manages; leave the format out.",
            field="format",
        )


def _named(components: frozenset[Component]) -> str:
    return " or ".join(one.value for one in Component if one in components)
