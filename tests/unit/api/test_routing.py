from __future__ import annotations

import inspect

import pytest

from chalicelib.api.routes import ALL
from chalicelib.api.routing import RECORDS, VIEWER, Allow, Route, route
from chalicelib.domain.access import Role

ONLY_LOOKS = {"list_contents", "preview_retention"}
"""What is asked by POST because a worker has to do it, and changes nothing."""


def test_an_allowance_cannot_be_left_out() -> None:
    assert inspect.signature(route).parameters["allow"].default is inspect.Parameter.empty
    assert inspect.signature(Allow).parameters["role"].default is inspect.Parameter.empty


def test_a_path_with_an_id_of_nobody_knows_whom_is_refused() -> None:
    with pytest.raises(TypeError, match="gadget_id"):

        @route("GET /v1/restores/{gadget_id}", VIEWER)
        def show(gadget_id: str) -> None:
            """Show."""
            del gadget_id


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_handlers_take_what_their_path_names(one: Route) -> None:
    names = {RECORDS[p].kind if p in RECORDS else p for p in one.parameters}

    assert names <= one.takes


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_what_changes_something_needs_more_than_a_viewer(one: Route) -> None:
    if one.method != "GET" and one.allow.role is not None and one.name not in ONLY_LOOKS:
        assert one.allow.role.rank > Role.VIEWER.rank
