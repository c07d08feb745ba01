"""Decide what of `roles.sql` is run against a target: one statement a line, by the role it names.

Roles that are there keep what they are; the platform's own get the settings a user may choose.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.role_statements import IDENTIFIER, unquoted
from chalicelib.domain.supabase import is_reserved_role

_ROLE: Final = re.compile(rf"(CREATE|ALTER|COMMENT ON) ROLE {IDENTIFIER}(.*);")
_MEMBERSHIP: Final = re.compile(rf"GRANT {IDENTIFIER} TO {IDENTIFIER}(.*);")
_SETTING: Final = re.compile(r"(?: IN DATABASE .*)? (?:SET|RESET) ")
_HARD: Final = re.compile(r" (?:NO)?(?:SUPERUSER|REPLICATION|BYPASSRLS)\b")
_LOGIN: Final = re.compile(r"\bLOGIN\b")


@dataclass(frozen=True)
class RoleStep:
    """Hold one statement about a role; `fallback` is what to try when the server refuses it.

    `creates` is the role that it makes, if any.
    """

    statement: str
    role: str
    creates: str | None = None
    fallback: str | None = None


@dataclass(frozen=True)
class RolePlan:
    """Say what is run, which roles must get a password by hand, and what is there already."""

    steps: tuple[RoleStep, ...]
    passwords: tuple[str, ...]
    present: tuple[str, ...]

    @property
    def created(self) -> frozenset[str]:
        """The roles that will be made."""
        return frozenset(step.creates for step in self.steps if step.creates is not None)


def plan_roles(lines: Iterable[str], known: Collection[str]) -> RolePlan:
    """Return what to run where `known` roles are; IntegrityFailed for a line of another form."""
    steps: list[RoleStep] = []
    passwords: list[str] = []
    present: list[str] = []
    for line in lines:
        step = _step(line)
        if step.creates is not None and step.creates in known:
            present.append(step.creates)
        elif _is_wanted(step, line, known):
            steps.append(step)
            passwords += [step.role] if step.creates and _LOGIN.search(line) else []
    return RolePlan(tuple(steps), tuple(passwords), tuple(present))


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _is_wanted(step: RoleStep, line: str, known: Collection[str]) -> bool:
    if step.creates is not None or line.startswith("GRANT "):
        return True
    # attributes of roles that are there are the target's own
    return step.role not in known or _is_setting(line)


def _is_setting(line: str) -> bool:
    found = _ROLE.fullmatch(line)
    return found is not None and found[1] == "ALTER" and bool(_SETTING.match(found[3]))


def _step(line: str) -> RoleStep:
    if found := _MEMBERSHIP.fullmatch(line):
        return RoleStep(line, unquoted(found[2]))
    found = _ROLE.fullmatch(line)
    if found is None:
        raise IntegrityFailed("a line of roles.sql is no statement about a role")
    role = unquoted(found[2])
    if found[1] != "CREATE":
        return RoleStep(line, role, fallback=_easier(line))
    if is_reserved_role(role):
        return RoleStep(line, role)
    return RoleStep(line, role, creates=role, fallback=_easier(line))


def _easier(line: str) -> str | None:
    """Return the statement without what only superusers may say; None where that is nothing."""
    # such a word in the value of a setting is only text, so settings have no easier form
    easier = _HARD.sub("", line)
    return easier if easier != line and not _is_setting(line) else None
