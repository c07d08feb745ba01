"""Which components a backup takes, by kind of project and by what was asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.backup import BackupOptions, BackupType, Component
from chalicelib.domain.components import TAKEABLE, chosen
from chalicelib.domain.connection import Endpoint
from chalicelib.domain.errors import HoldfastError, InvalidRequest, Unsupported
from chalicelib.domain.project import Project, ProjectKind
from chalicelib.domain.supabase import SupabaseSettings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ALL = tuple(Component)


def project(supabase: SupabaseSettings | None = None) -> Project:
    kind = ProjectKind.SUPABASE if supabase else ProjectKind.POSTGRESQL
    endpoint = Endpoint(host="localhost", database="app", user="backup")
    return Project(
        id="01JD0000000000000000000000",
        name="shop",
        project_kind=kind,
        endpoint=endpoint,
        supabase=supabase,
        created_at=NOW,
        updated_at=NOW,
    )


def hosted(**settings: Any) -> Project:
    return project(SupabaseSettings(ref="abcdefghijklmnopqrst", **settings))


def components(options: dict[str, Any], of: Project) -> tuple[Component, ...]:
    return chosen(BackupOptions.model_validate(options), of).components


@pytest.mark.parametrize(
    ("of", "options", "expected"),
    [
        (project(), {}, (Component.DATABASE,)),
        (project(), {"components": ["roles", "database"]}, ALL[:2]),
        (project(), {"components": ["database", "database"]}, ALL[:1]),
        (hosted(), {}, ALL),
        (hosted(components=("database", "auth")), {}, (Component.DATABASE, Component.AUTH)),
        (hosted(), {"components": ["auth", "database"]}, (Component.DATABASE, Component.AUTH)),
        (
            hosted(),
            {"type": BackupType.SCHEMA},
            (Component.DATABASE, Component.ROLES, Component.FUNCTIONS, Component.CONFIG),
        ),
    ],
)
def test_what_is_not_asked_for_is_what_the_project_says(
    of: Project, options: dict[str, Any], expected: tuple[Component, ...]
) -> None:
    assert components(options, of) == expected


@pytest.mark.parametrize(
    ("of", "options", "error"),
    [
        (project(), {"components": ["database", "auth"]}, Unsupported),
        (project(), {"components": ["roles"]}, InvalidRequest),
        (hosted(), {"components": ["auth"]}, InvalidRequest),
        (hosted(), {"components": ["database", "auth"], "type": "schema"}, InvalidRequest),
        (hosted(), {"format": "plain"}, InvalidRequest),
        (hosted(), {"compression": "bzip2"}, InvalidRequest),
    ],
)
def test_components_that_cannot_be_are_refused(
    of: Project, options: dict[str, Any], error: type[HoldfastError]
) -> None:
    with pytest.raises(error):
        components(options, of)


def test_every_kind_of_project_has_something_to_take() -> None:
    assert set(TAKEABLE) == set(ProjectKind)
    assert all(Component.DATABASE in taken for taken in TAKEABLE.values())
