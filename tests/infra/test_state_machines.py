"""The definitions hold the steps of the embedded worker and the names of our errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from statelint.linter import Linter

from chalicelib.domain.backup import Step
from chalicelib.domain.errors import LeaseLost, all_errors
from chalicelib.domain.moves import MAX_ATTEMPTS
from chalicelib.domain.restore import RestoreStep
from chalicelib.services import run_backup, run_restore
from chalicelib.services.jobs import DEADLINES
from chalicelib.worker.reported import TIMEOUTS
from chalicelib.worker.routing import Route
from chalicelib.worker.steps import FAIL, NOTIFY, RUN, StepEvent
from tests.support.machines import OF_CHANNELS

FOLDER: Final = Path(__file__).parents[2] / "infra" / "statemachines"
NAMES: Final = ("backup", "restore", "job")
LONG: Final[dict[str, list[str]]] = {
    "backup": [*run_backup.ORDER],
    "restore": [*run_restore.ORDER],
    "job": [RUN],
}
ERRORS: Final = {error.__name__: error for error in all_errors()}
FUNCTION_TIMEOUT_S: Final = 900


def machine(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.asl.json").read_text())
    return loaded


def tasks(name: str) -> dict[str, dict[str, Any]]:
    return {key: one for key, one in machine(name)["States"].items() if one["Type"] == "Task"}


def calls(name: str) -> dict[str, dict[str, Any]]:
    return {key: one for key, one in tasks(name).items() if "Payload" in one["Parameters"]}


def path(name: str) -> list[str]:
    """Follow the states that a run without trouble passes."""
    found, states = [], machine(name)["States"]
    current = machine(name)["StartAt"]
    while states[current]["Type"] not in {"Succeed", "Fail"}:
        if states[current]["Type"] == "Task":
            found.append(current)
        current = states[current].get("Next") or states[current]["Default"]
    return found


def caught(state: dict[str, Any]) -> list[tuple[list[str], str]]:
    return [(one["ErrorEquals"], one["Next"]) for one in state.get("Catch", [])]


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("backup", [*Step, NOTIFY]),
        ("restore", [*RestoreStep, NOTIFY]),
        ("job", [RUN]),
    ],
)
def test_the_steps_are_those_of_the_embedded_worker(name: str, steps: list[str]) -> None:
    assert path(name) == steps


@pytest.mark.parametrize("name", NAMES)
def test_a_machine_is_what_the_language_allows(name: str) -> None:
    assert list(Linter.validate(machine(name))) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_call_asks_for_the_step_it_is_named_after(name: str) -> None:
    asked = {key: one["Parameters"]["Payload"]["step"] for key, one in calls(name).items()}

    renamed = {"tell_failure": NOTIFY}
    assert asked == {key: renamed.get(key, key) for key in asked}


@pytest.mark.parametrize("name", NAMES)
def test_every_call_is_an_event_the_worker_reads(name: str) -> None:
    given = {
        "$.work": name,
        "$.id": "0" * 26,
        "$$.Execution.Name": "X",
        "$.error": {},
        "${TaskFromBytes}": "0",
    }
    for state in calls(name).values():
        payload = state["Parameters"]["Payload"].items()

        event = {key.removesuffix(".$"): given.get(value, value) for key, value in payload}

        assert StepEvent.model_validate(event).work == name


@pytest.mark.parametrize("name", NAMES)
def test_every_named_state_exists_and_is_reached(name: str) -> None:
    states = machine(name)["States"]
    named = {machine(name)["StartAt"]}
    for state in states.values():
        named |= {state[key] for key in ("Next", "Default") if key in state}
        named |= {one["Next"] for one in [*state.get("Catch", []), *state.get("Choices", [])]}

    assert named == set(states)


@pytest.mark.parametrize("name", NAMES)
def test_only_what_may_pass_is_tried_again_and_all_of_it(name: str) -> None:
    retryable = {key for key, error in ERRORS.items() if error.retryable} - OF_CHANNELS
    for key, state in calls(name).items():
        named = {error for one in state["Retry"] for error in one["ErrorEquals"]}

        ours = named & set(ERRORS)

        assert ours in (set(), retryable), key
        assert all(error.startswith("Lambda.") for error in named - ours), key


@pytest.mark.parametrize("name", NAMES)
def test_every_repetition_waits_with_jitter_and_ends(name: str) -> None:
    for state in tasks(name).values():
        for one in state["Retry"]:
            assert one["JitterStrategy"] == "FULL"
            assert one["MaxAttempts"] <= 8
            assert one["MaxDelaySeconds"] <= 120


def test_a_dump_is_tried_as_often_as_the_embedded_worker_does() -> None:
    (ours,) = [
        one for one in tasks("backup")["dump"]["Retry"] if "SourceLost" in one["ErrorEquals"]
    ]

    assert ours["MaxAttempts"] + 1 == MAX_ATTEMPTS


@pytest.mark.parametrize("name", ["restore", "job"])
def test_a_task_that_may_have_been_started_is_not_started_again(name: str) -> None:
    named = [error for one in tasks(name)["task"]["Retry"] for error in one["ErrorEquals"]]

    assert named == ["ECS.ThrottlingException"]


@pytest.mark.parametrize(("name", "step"), [("restore", "restore"), ("job", "run")])
def test_what_changes_a_target_is_never_begun_twice(name: str, step: str) -> None:
    named = [error for one in tasks(name)[step]["Retry"] for error in one["ErrorEquals"]]

    assert named == ["Lambda.TooManyRequestsException"]


@pytest.mark.parametrize("name", ["backup", "restore"])
def test_every_step_before_complete_ends_in_fail_whatever_happens(name: str) -> None:
    before = [step for step in LONG[name] if step is not Step.COMPLETE] + ["task"]

    for step in before:
        assert [*caught(tasks(name)[step])[-1]] == ([["States.ALL"], "fail"]), step


def test_a_job_that_breaks_off_in_a_function_or_a_task_is_recorded_as_failed() -> None:
    for step in ("run", "task"):
        assert caught(tasks("job")[step]) == [(["States.ALL"], "fail")]


def test_a_worker_that_vanishes_in_complete_is_left_to_the_sweeper() -> None:
    lost, vanished, failing = caught(tasks("backup")["complete"])

    assert lost == ([LeaseLost.__name__], "lost")
    assert vanished[1] == "vanished"
    assert set(vanished[0]) >= TIMEOUTS - {"States.HeartbeatTimeout"}
    assert not set(vanished[0]) & set(ERRORS)
    assert failing == (["States.ALL"], "fail")


@pytest.mark.parametrize("name", ["backup", "restore"])
def test_a_lost_lease_is_nobodys_failure(name: str) -> None:
    for step in LONG[name]:
        assert caught(tasks(name)[step])[0] == ([LeaseLost.__name__], "lost")


@pytest.mark.parametrize("name", ["backup", "restore"])
def test_telling_changes_nothing_before_it(name: str) -> None:
    assert caught(tasks(name)["notify"]) == [(["States.ALL"], "done")]
    assert caught(tasks(name)["tell_failure"]) == [(["States.ALL"], "failed")]


@pytest.mark.parametrize("name", NAMES)
def test_every_task_has_a_timeout_behind_the_functions_own(name: str) -> None:
    for state in tasks(name).values():
        assert state["TimeoutSeconds"] > FUNCTION_TIMEOUT_S
        assert "HeartbeatSeconds" not in state  # nobody could send one in a synchronous call


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_ids_and_a_word_stays_in_the_history(name: str) -> None:
    for key, state in calls(name).items():
        assert set(state["Parameters"]["Payload"]) <= {
            "work", "work.$", "id.$", "step", "owner.$", "error.$", "task_from_bytes",
        }  # fmt: skip
        kept = state.get("ResultSelector", {"id.$": "", "route.$": ""})
        assert state["ResultPath"] is None or (key in {"prepare", RUN} and len(kept) == 2)


@pytest.mark.parametrize(
    ("name", "after"), [("backup", Step.COMPLETE), ("restore", "restore"), ("job", "done")]
)
def test_what_outlives_a_function_goes_to_a_task_and_is_looked_at_after(
    name: str, after: str
) -> None:
    (choice,) = machine(name)["States"]["route"]["Choices"]

    assert (choice["StringEquals"], choice["Next"]) == (Route.TASK, "task")
    assert tasks(name)["task"]["Resource"].endswith("ecs:runTask.sync")
    assert tasks(name)["task"]["Next"] == after


@pytest.mark.parametrize("name", NAMES)
def test_a_task_gets_the_arguments_of_the_worker(name: str) -> None:
    (container,) = tasks(name)["task"]["Parameters"]["Overrides"]["ContainerOverrides"]

    wanted = f"States.Array('{name}', $.id, States.Format('owner={{}}', $$.Execution.Name))"
    assert container["Command.$"] == wanted


def test_every_task_runs_in_the_same_place() -> None:
    places = [
        {key: one for key, one in tasks(name)["task"]["Parameters"].items() if key != "Overrides"}
        for name in NAMES
    ]

    assert places == [places[0]] * len(NAMES)


def test_a_task_may_take_as_long_as_its_job() -> None:
    longest = max(DEADLINES.values()).total_seconds()

    assert tasks("job")["task"]["TimeoutSeconds"] > longest


@pytest.mark.parametrize("name", NAMES)
def test_fail_is_what_every_machine_has(name: str) -> None:
    assert tasks(name)[FAIL]["Parameters"]["Payload"]["error.$"] == "$.error"
