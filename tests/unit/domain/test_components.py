"""What can be taken of a project."""

from __future__ import annotations

import pytest

from chalicelib.domain.backup import Component
from chalicelib.domain.components import TAKEABLE, chosen_components
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.project import ProjectKind


def test_every_kind_of_project_has_something_to_take() -> None:
    assert set(TAKEABLE) == set(ProjectKind)
    assert all(TAKEABLE.values())


def test_nothing_asked_for_is_the_database() -> None:
    assert chosen_components(ProjectKind.POSTGRESQL, ()) == (Component.DATABASE,)


def test_what_a_project_has_not_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="no component storage") as refused:
        chosen_components(ProjectKind.POSTGRESQL, (Component.STORAGE,))

    assert refused.value.fields["field"] == "component"
