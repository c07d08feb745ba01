"""Read the statement that makes a foreign key, as pg_dump writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.role_statements import IDENTIFIER, unquoted

_STATEMENT: Final = re.compile(
    rf"ALTER TABLE (?:ONLY )?{IDENTIFIER}\.{IDENTIFIER}\s+ADD CONSTRAINT {IDENTIFIER}"
    rf" FOREIGN KEY \((.+?)\) REFERENCES {IDENTIFIER}\.{IDENTIFIER}\("
)
_COLUMN: Final = re.compile(IDENTIFIER)
_UNCHECKED: Final = " NOT VALID;"


@dataclass(frozen=True)
class ForeignKey:
    """Say which columns of which table refer to which other; tables are schema and name.

    `is_checked`: rows that refer to nothing make the statement fail.
    """

    name: str
    table: tuple[str, str]
    columns: tuple[str, ...]
    refers_to: tuple[str, str]
    is_checked: bool

    def __str__(self) -> str:
        """Give it as a person reads it."""
        return f"constraint {self.name} of table {'.'.join(self.table)}"


def foreign_key(statement: str) -> ForeignKey | None:
    """Return the foreign key that a statement makes; None when it makes none."""
    found = _STATEMENT.match(statement)
    if found is None:
        return None
    schema, table, name, columns, other_schema, other = found.groups()
    return ForeignKey(
        name=unquoted(name),
        table=(unquoted(schema), unquoted(table)),
        columns=tuple(unquoted(one) for one in _COLUMN.findall(columns)),
        refers_to=(unquoted(other_schema), unquoted(other)),
        is_checked=not statement.rstrip().endswith(_UNCHECKED),
    )
