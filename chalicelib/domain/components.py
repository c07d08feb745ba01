"""What can be taken of a project, by what stands behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from chalicelib.domain.backup import Component
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.project import ProjectKind

TAKEABLE: Final[Mapping[ProjectKind, tuple[Component, ...]]] = MappingProxyType(
    {ProjectKind.POSTGRESQL: (Component.DATABASE,)}
)
"""The components of each kind of project, the one that is always there first."""


def chosen_components(kind: ProjectKind, asked: Sequence[Component]) -> tuple[Component, ...]:
    """Return what to take, in our order; nothing asked for is the first that the kind has.

    InvalidRequest names what a project of this kind does not have.
    """
    has = TAKEABLE[kind]
    for component in asked:
        if component not in has:
            raise InvalidRequest(
                f"a {kind} project has no component {component}", field="component"
            )
    return tuple(one for one in has if one in asked) or has[:1]
