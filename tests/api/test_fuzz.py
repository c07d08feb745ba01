"""Nothing that is sent ends in a server error: hostile values in every field of every route."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.api.routes import ALL
from chalicelib.api.routing import Route
from chalicelib.domain.backup import Backup

FEW = settings(
    max_examples=30,
    deadline=None,
    # the service is the same for all examples of a test, on purpose
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
WITH_BODY = [one for one in ALL if "body" in one.takes]
WITH_QUERY = [one for one in ALL if "query" in one.takes]
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
) | st.sampled_from(
    ["full", "zstd", "custom", "admin", "localhost", "2026-01-01T00:00:00Z", "a\x00b", "../x"]
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=5), SCALARS)


@pytest.fixture
def path_for(backup: Backup) -> Callable[[Route], str]:
    ids = {"project_id": backup.project_id, "backup_id": backup.id}
    return lambda one: one.path.format(
        **{"job_id": "x", "name": "x", "schedule_id": "x", "channel_id": "x"} | ids
    )


@pytest.mark.parametrize("one", WITH_BODY, ids=lambda one: one.name)
@given(data=st.data())
@FEW
def test_bodies(
    client: httpx.Client, path_for: Callable[[Route], str], one: Route, data: st.DataObject
) -> None:
    names = st.sampled_from(sorted(one.body.model_fields))
    body: dict[str, Any] = data.draw(st.dictionaries(names, VALUES, max_size=4))

    answer = client.request(
        one.method,
        path_for(one),
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code < 500
    assert answer.is_success or answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("one", WITH_QUERY, ids=lambda one: one.name)
@given(data=st.data())
@FEW
def test_queries(
    client: httpx.Client, path_for: Callable[[Route], str], one: Route, data: st.DataObject
) -> None:
    aliases = [field.alias or name for name, field in one.query.model_fields.items()]
    query: dict[str, str] = data.draw(
        st.dictionaries(st.sampled_from(sorted(aliases)), SCALARS.map(str), max_size=3)
    )

    answer = client.get(path_for(one), params=query)

    assert answer.status_code < 500
