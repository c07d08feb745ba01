"""Promises of the state machines as text: no way around the gate, and names that are ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from statelint.linter import Linter

from chalicelib.domain.errors import BY_CODE, all_errors
from tests.support.machines import GATE, MIGRATION, OF_CHANNELS, exits, machine, reached

BOTH = [GATE, MIGRATION]
NAMES = {error.__name__ for error in all_errors()} - OF_CHANNELS
LEAVES = (
    {error.__name__ for error in all_errors() if not error.__subclasses__()} | {"Conflict"}
) - OF_CHANNELS
TASKS = ["Ask", "Look"]


def states(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = machine(path)["States"]
    return found


def of_type(path: Path, kind: str) -> dict[str, Any]:
    return {name: state for name, state in states(path).items() if state["Type"] == kind}


@pytest.mark.parametrize("path", BOTH, ids=lambda path: path.stem)
def test_a_machine_is_what_the_language_allows(path: Path) -> None:
    assert list(Linter.validate(machine(path))) == []


@pytest.mark.parametrize("path", BOTH, ids=lambda path: path.stem)
def test_every_state_can_be_reached(path: Path) -> None:
    assert reached(machine(path)) == set(states(path))


@pytest.mark.parametrize("path", BOTH, ids=lambda path: path.stem)
def test_every_task_has_a_time_and_catches_everything(path: Path) -> None:
    for task in of_type(path, "Task").values():
        assert task["TimeoutSeconds"] > 0
        assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("path", BOTH, ids=lambda path: path.stem)
def test_whatever_is_caught_ends_in_a_failure(path: Path) -> None:
    failing = set(of_type(path, "Fail"))

    caught = {there for s in states(path).values() for how, there in exits(s) if how == "catch"}

    assert caught
    assert caught <= failing


@pytest.mark.parametrize("path", BOTH, ids=lambda path: path.stem)
def test_whatever_no_choice_foresaw_ends_in_a_failure(path: Path) -> None:
    for choice in of_type(path, "Choice").values():
        assert choice["Default"] in of_type(path, "Fail")


@pytest.mark.parametrize("way", [("Gate", "success"), ("IsVerified", "choice")])
def test_the_migration_is_reached_through_the_gates_success_only(way: tuple[str, str]) -> None:
    migration = machine(MIGRATION)
    assert "RunMigration" in reached(migration)

    assert "RunMigration" not in reached(migration, closed=way)


def test_the_migration_is_tried_once() -> None:
    assert "Retry" not in states(MIGRATION)["RunMigration"]


def test_the_example_waits_longer_than_the_gate_can_take() -> None:
    gate = states(MIGRATION)["Gate"]

    assert gate["Resource"] == "arn:aws:states:::states:startExecution.sync:2"
    assert gate["TimeoutSeconds"] > machine(GATE)["TimeoutSeconds"]


def test_the_gate_succeeds_by_the_verdict_pass_only() -> None:
    gate = machine(GATE)
    assert list(of_type(GATE, "Succeed")) == ["Passed"]

    passing = [c for c in gate["States"]["Judge"]["Choices"] if c["Next"] == "Passed"]

    assert "Passed" not in reached(gate, closed=("Judge", "choice"))
    assert [clause.get("StringEquals") for choice in passing for clause in choice["And"]] == [
        None,
        "pass",
        None,
        None,
    ]


@pytest.mark.parametrize("task", TASKS)
def test_the_gate_retries_what_a_second_try_may_help(task: str) -> None:
    retried = {name for rule in states(GATE)[task]["Retry"] for name in rule["ErrorEquals"]}

    ours = {name for name in retried if not name.startswith("Lambda.")}
    retryable = {error.__name__ for error in all_errors() if error.retryable}
    assert ours == retryable - OF_CHANNELS


@pytest.mark.parametrize("task", TASKS)
def test_the_gate_ends_under_the_name_of_every_error_of_ours(task: str) -> None:
    named = states(GATE)[task]["Catch"][0]

    assert set(named["ErrorEquals"]) == LEAVES
    assert {error.__name__ for error in BY_CODE.values()} - OF_CHANNELS <= LEAVES
    assert states(GATE)[named["Next"]]["ErrorPath"] == "$.failure.Error"


@pytest.mark.parametrize("name", list(of_type(GATE, "Fail")))
def test_every_failure_of_the_gate_names_an_error_of_ours_with_its_code(name: str) -> None:
    state = states(GATE)[name]

    if "Error" in state:
        assert state["Error"] in NAMES
        told = state.get("Cause") or state["CausePath"].removeprefix("States.Format('")
        assert told.partition(":")[0] in BY_CODE
    else:
        assert {"ErrorPath", "CausePath"} <= set(state)
