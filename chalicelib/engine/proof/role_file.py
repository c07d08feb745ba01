"""Read the statements that `role_statements` has a source answer: one on each line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.facts import RoleFact
from chalicelib.domain.role_statements import IDENTIFIER, unquoted

_MAKES: Final = re.compile(rf"CREATE ROLE {IDENTIFIER}(?= |;)")
_DESCRIBES: Final = re.compile(rf"COMMENT ON ROLE {IDENTIFIER} IS ")
_GRANTS: Final = re.compile(rf"GRANT {IDENTIFIER} TO {IDENTIFIER}(?= |;)")
_SETS: Final = re.compile(rf"ALTER ROLE {IDENTIFIER} (?:IN DATABASE {IDENTIFIER} )?SET ")


@dataclass(frozen=True)
class RoleStatement:
    """Hold one statement with the roles it is about, the made or changed one first."""

    text: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class RoleStatements:
    """Hold statements by what they do, each kind in the order of the file.

    `settings` come last of all: some would change how a session restores.
    """

    makes: tuple[RoleStatement, ...]
    describes: tuple[RoleStatement, ...]
    grants: tuple[RoleStatement, ...]
    settings: tuple[RoleStatement, ...]

    @property
    def makers(self) -> tuple[RoleStatement, ...]:
        """All but the settings, in the order they can be run in."""
        return (*self.makes, *self.describes, *self.grants)

    @property
    def all(self) -> tuple[RoleStatement, ...]:
        """Every statement."""
        return (*self.makers, *self.settings)

    @property
    def made(self) -> frozenset[str]:
        """The roles that the file makes."""
        return frozenset(one.roles[0] for one in self.makes)

    @property
    def taken_for_granted(self) -> frozenset[str]:
        """The roles that the file names and does not make; PostgreSQL's own are always there."""
        others = (*self.describes, *self.grants, *self.settings)
        named = frozenset(role for one in others for role in one.roles) - self.made
        return frozenset(role for role in named if not role.startswith("pg_"))


def read_statements(lines: Iterable[str]) -> RoleStatements:
    """Sort the statements of a file; IntegrityFailed for any that does something else."""
    kinds: dict[re.Pattern[str], list[RoleStatement]] = {
        pattern: [] for pattern in (_MAKES, _DESCRIBES, _GRANTS, _SETS)
    }
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("--"):
            continue
        pattern = next((one for one in kinds if one.match(line)), None)
        if pattern is None:
            raise IntegrityFailed(f"line {number} of the roles is no statement of ours")
        kinds[pattern].append(_statement(pattern, line))
    makes, describes, grants, settings = (tuple(found) for found in kinds.values())
    return RoleStatements(makes, describes, grants, settings)


NO_STATEMENTS: Final = RoleStatements((), (), (), ())


def plain_roles(known: Sequence[RoleFact], statements: RoleStatements) -> tuple[RoleFact, ...]:
    """Return the roles that must be there before the statements and that these do not make."""
    by_name = {name: RoleFact(name=name) for name in sorted(statements.taken_for_granted)}
    by_name |= {role.name: role for role in known}
    return tuple(role for name, role in by_name.items() if name not in statements.made)


def _statement(pattern: re.Pattern[str], line: str) -> RoleStatement:
    found: Sequence[str | None] = match.groups() if (match := pattern.match(line)) else ()
    names = tuple(unquoted(name) for name in found if name)
    return RoleStatement(line, names[:1] if pattern is _SETS else names)
