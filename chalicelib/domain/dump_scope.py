"""What of a database the archives of one run take, and what is read beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chalicelib.domain.backup import BackupType

TableName = tuple[str, str]
"""A table by schema and name, letter by letter."""


@dataclass(frozen=True)
class DumpScope:
    """Say what one archive takes; the default is everything. Names are exact, never patterns.

    With `tables`, these alone are taken, else with `schemas` these alone; neither brings large
    objects along. `role` is whom the sessions act as once they have logged in. With
    `may_lack_large_objects` they are left out where the role may not read all of them; the result
    says so.
    """

    schemas: tuple[str, ...] = ()
    tables: tuple[TableName, ...] = ()
    exclude_schemas: tuple[str, ...] = ()
    exclude_tables: tuple[TableName, ...] = ()
    role: str | None = None
    large_objects: bool = True
    may_lack_large_objects: bool = False

    @property
    def has_large_objects(self) -> bool:
        """Whether an archive with data holds the large objects."""
        return self.large_objects and not self.schemas and not self.tables

    def holds(self, schema: str, name: str) -> bool:
        """Tell whether a table, or a sequence of such a name, is taken."""
        if self.tables:
            return (schema, name) in self.tables
        if self.schemas and schema not in self.schemas:
            return False
        return schema not in self.exclude_schemas and (schema, name) not in self.exclude_tables


EVERYTHING: Final = DumpScope()


@dataclass(frozen=True)
class DumpPart:
    """Ask for one more archive of format custom under the same snapshot; `name` is its artefact."""

    name: str
    type: BackupType
    scope: DumpScope


@dataclass(frozen=True)
class Reading:
    """Ask for the lines of an artefact: what a query's one column of text says, in its order.

    The query runs under the dump's snapshot. Readings of one name follow each other in one
    artefact. Where the relation `needs` is not there, this one has no lines.
    """

    name: str
    sql: str
    needs: TableName | None = None
