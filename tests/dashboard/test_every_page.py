"""No page is forgotten: each has a picture to look at, or a reason why not."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from chalicelib.dashboard.pages import ALL
from chalicelib.dashboard.routing import Html, PageRoute
from tests.screenshots.shots import SHOTS, UNSEEN


def _answers_with_a_page(route: PageRoute) -> bool:
    returned = get_type_hints(route.handler)["return"]
    return Html in (returned, *get_args(returned))


PAGES = {f"{route.method} {route.path}" for route in ALL if _answers_with_a_page(route)}


def _fits(path: str, route: str) -> bool:
    asked, known = path.split("/"), route.removeprefix("GET ").split("/")
    return len(asked) == len(known) and all(
        is_named.startswith("{") or segment == is_named
        for segment, is_named in zip(asked, known, strict=True)
    )


def _route_of(path: str) -> str | None:
    """Return the route that a path leads to: the one that leaves the least open."""
    bare = path.partition("?")[0]
    fitting = [route for route in PAGES if route.startswith("GET ") and _fits(bare, route)]
    return min(fitting, key=lambda route: route.count("{"), default=None)


def test_every_page_is_in_a_picture_or_has_a_reason() -> None:
    seen = {_route_of(shot.path) for shot in SHOTS} | {shot.form for shot in SHOTS}

    assert PAGES - seen - set(UNSEEN) == set()


def test_every_reason_and_every_form_is_of_a_page_that_exists() -> None:
    named = {shot.form for shot in SHOTS if shot.form} | set(UNSEEN)

    assert named <= PAGES
    assert not {shot.form for shot in SHOTS} & set(UNSEEN)


def test_pictures_have_names_of_their_own() -> None:
    names = [shot.name for shot in SHOTS]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/dashboard/projects/new", "GET /dashboard/projects/new"),
        ("/dashboard/projects/{shop}", "GET /dashboard/projects/{project_id}"),
        ("/dashboard/backups/history?q=x", "GET /dashboard/backups/history"),
        ("/dashboard/nowhere", None),
    ],
)
def test_a_path_is_known_by_its_route(path: str, route: str | None) -> None:
    assert _route_of(path) == route
