"""The published document and the service say the same: generated requests, every check on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from chalicelib.api.routes import ALL
from chalicelib.local.wsgi import Environ, StartResponse, WsgiApp
from tests.support.api_cases import (
    ApiWorld,
    Case,
    Operation,
    Tally,
    api_schema,
    api_world,
    fuzz,
    operations,
    send,
)
from tests.support.api_things import SOURCES


class Door:
    """Lead to the service of the tests that run, which is not there when they are collected."""

    app: WsgiApp

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self.app(environ, start_response)


DOOR = Door()
SCHEMA = api_schema(DOOR)
OPERATIONS = list(operations(SCHEMA).values())
FEW = settings(
    max_examples=4,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    with api_world(tmp_path_factory.mktemp("api")) as made:
        DOOR.app = made.app
        yield made


@SCHEMA.parametrize()
@FEW
def test_at_the_edges_of_its_schema(case: Case, world: ApiWorld) -> None:
    send(case, world, Tally())


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_within_and_outside_of_its_schema(operation: Operation, world: ApiWorld) -> None:
    tally = Tally()

    fuzz(operation, world, tally, cases=10, number=7)

    assert tally.cases > 0


def test_every_route_is_generated_for() -> None:
    assert {one.label for one in OPERATIONS} == {f"{one.method} {one.path}" for one in ALL}


def test_every_id_in_a_path_can_be_that_of_a_real_record() -> None:
    named = {name for one in ALL for name in one.parameters if name.endswith(("_id", "token"))}

    assert named - set(SOURCES) == set()
