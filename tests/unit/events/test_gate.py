"""Promises of the functions `gate` and `gate_status`: verdicts as answers, errors by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import HoldfastError, Internal, InvalidRequest, NotFound
from chalicelib.events import gate
from tests.support.world import World, build_world

Answer = dict[str, Any]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return build_world(tmp_path)


def event(world: World, **changes: Any) -> dict[str, Any]:
    asked = {"project": world.project().id, "migration": "0042", "options": {}}
    return {"input": asked | changes, "execution": "arn:1", "started": "2026-03-01T12:00:00Z"}


def ask(world: World, **changes: Any) -> Answer:
    answer: Answer = gate.ask(world.services, event(world, **changes))
    json.dumps(answer)  # as the machine gets it
    return answer


def look(world: World, answer: Answer) -> Answer:
    return gate.status(world.services, json.loads(json.dumps(answer)))


def backup(world: World, answer: Answer) -> Backup:
    return world.services.backups.get(answer["backup_id"])


def test_a_fresh_request_waits(world: World) -> None:
    answer = ask(world)

    assert (answer["verdict"], answer["wait_s"]) == ("wait", 2)


def test_a_verified_backup_passes_with_its_id_in_the_output(world: World) -> None:
    asked = ask(world)
    world.run(backup(world, asked))

    answer = look(world, asked)

    assert answer["verdict"] == "pass"
    assert answer["output"]["backup_id"] == asked["backup_id"]
    assert answer["output"]["migration_id"] == "0042"
    assert "error" not in answer


def test_a_cancelled_backup_is_refused_by_name_and_code(world: World) -> None:
    asked = ask(world)
    world.services.backups.cancel("somebody", asked["backup_id"])

    answer = look(world, asked)

    assert (answer["verdict"], answer["error"]) == ("refuse", "Cancelled")
    assert answer["cause"].startswith("cancelled: ")


def test_a_proof_that_was_not_made_is_refused(world: World) -> None:
    world.engine.outcome = type(world.engine.outcome).UNPROVEN
    asked = ask(world, options={"verification": "proof"})
    world.run(backup(world, asked))

    answer = look(world, asked)

    assert (answer["verdict"], answer["error"]) == ("refuse", "NotVerified")


def test_the_same_execution_asks_once(world: World) -> None:
    once = event(world)

    first, second = gate.ask(world.services, once), gate.ask(world.services, once)

    assert first["backup_id"] == second["backup_id"]


def test_a_name_of_an_execution_that_comes_back_asks_anew(world: World) -> None:
    once = event(world)

    later = gate.ask(world.services, once | {"started": "2026-07-01T12:00:00Z"})

    assert later["backup_id"] != gate.ask(world.services, once)["backup_id"]


def test_what_step_functions_adds_to_a_nested_execution_is_taken(world: World) -> None:
    answer = ask(world, AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID="arn:caller")

    assert answer["verdict"] == "wait"


@pytest.mark.parametrize(
    "changes",
    [
        {"project": None},
        {"project": ""},
        {"migration": "two\nlines"},
        {"migration": 42},
        {"options": {"timeout_s": 0}},
        {"options": {"timeout_s": 10**9}},
        {"options": {"hold_days": -1}},
        {"options": {"force": True}},
        {"options": "none"},
        {"skip": True},
    ],
)
def test_input_that_is_not_understood_is_refused_without_its_values(
    world: World, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest, match="invalid_request: ") as refused:
        ask(world, **changes)

    assert "two\nlines" not in str(refused.value)


@pytest.mark.parametrize("sent", [{}, {"input": []}, {"backup_id": "01B"}])
def test_events_of_another_shape_are_refused(world: World, sent: dict[str, Any]) -> None:
    for door in (gate.ask, gate.status):
        with pytest.raises(InvalidRequest):
            door(world.services, sent)


def test_an_unknown_project_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="not_found: "):
        ask(world, project="01NONE")


def test_an_unexpected_failure_is_told_under_a_name_of_ours_without_its_text(
    world: World,
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError("canary-77")

    adapters: Any = replace(world.adapters, catalog=Broken())  # type: ignore[arg-type] # broken on purpose
    services = Services(world.services.settings, adapters)

    with pytest.raises(Internal, match="internal: ") as told:
        gate.ask(services, event(world))

    assert isinstance(told.value, HoldfastError)
    assert "canary-77" not in str(told.value)
