"""What executions of Step Functions promise beyond the contract."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.adapters.aws.step_functions import MAX_STARTS, StepFunctionsWorkflow
from chalicelib.domain.errors import Conflict, StorageFailed
from chalicelib.domain.execution import Work
from tests.support.ministack import Ministack, ministack_of

MACHINE = "arn:aws:states:eu-central-1:1:stateMachine:backup"


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Ministack:
    return ministack_of(request.config)


class ScriptedStates:
    """Know executions by name with their status; starting an existing one is refused."""

    def __init__(self, **executions: str) -> None:
        self.executions = {name.replace("_", "-"): status for name, status in executions.items()}
        self.calls: list[tuple[str, str]] = []

    def start_execution(self, **arguments: Any) -> dict[str, Any]:
        name = arguments["name"]
        self.calls.append(("start", name))
        if name in self.executions:
            raise ClientError({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution")
        self.executions[name] = "RUNNING"
        return {}

    def describe_execution(self, **arguments: Any) -> dict[str, Any]:
        name = self._known(arguments["executionArn"])
        return {"status": self.executions[name]}

    def stop_execution(self, **arguments: Any) -> dict[str, Any]:
        name = self._known(arguments["executionArn"])
        self.calls.append(("stop", name))
        self.executions[name] = "ABORTED"
        return {}

    def close(self) -> None:
        self.calls.append(("close", ""))

    def _known(self, arn: str) -> str:
        prefix, _, name = arn.rpartition(":")
        assert prefix == MACHINE.replace("stateMachine", "execution")
        if name not in self.executions:
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "DescribeExecution")
        return name


def workflow(states: ScriptedStates, machine: str = MACHINE) -> StepFunctionsWorkflow:
    return StepFunctionsWorkflow(states, dict.fromkeys(Work, machine))


def test_the_execution_carries_the_id_as_its_name_and_input(server: Ministack) -> None:
    machines = server.new_state_machines()
    states = server.client("stepfunctions")

    StepFunctionsWorkflow(states, machines).start(Work.BACKUP, "B1")

    (execution,) = states.list_executions(stateMachineArn=machines[Work.BACKUP])["executions"]
    described = states.describe_execution(executionArn=execution["executionArn"])
    assert described["name"] == "B1"
    assert json.loads(described["input"]) == {"work": "backup", "id": "B1"}


def test_a_fresh_start_is_one_call() -> None:
    states = ScriptedStates()

    workflow(states).start(Work.BACKUP, "B1")

    assert states.calls == [("start", "B1")]


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE"])
def test_what_runs_is_not_started_again(status: str) -> None:
    states = ScriptedStates(B1=status)

    workflow(states).start(Work.BACKUP, "B1")

    assert states.executions == {"B1": status}


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_what_has_ended_is_started_under_the_next_name(status: str) -> None:
    states = ScriptedStates(B1=status, B1_2=status)

    workflow(states).start(Work.BACKUP, "B1")

    assert states.executions == {"B1": status, "B1-2": status, "B1-3": "RUNNING"}


def test_a_stop_ends_the_last_execution() -> None:
    states = ScriptedStates(B1="FAILED", B1_2="RUNNING")

    workflow(states).stop(Work.BACKUP, "B1")

    assert states.calls == [("stop", "B1-2")]
    assert not workflow(states).is_running(Work.BACKUP, "B1")


def test_an_alias_of_a_machine_names_the_same_executions() -> None:
    states = ScriptedStates(B1="RUNNING")

    assert workflow(states, f"{MACHINE}:live").is_running(Work.BACKUP, "B1")


def test_starts_without_end_are_refused() -> None:
    names = ["B1", *(f"B1_{number}" for number in range(2, MAX_STARTS + 1))]
    states = ScriptedStates(**dict.fromkeys(names, "FAILED"))

    with pytest.raises(Conflict):
        workflow(states).start(Work.BACKUP, "B1")

    assert not workflow(states).is_running(Work.BACKUP, "B1")


def test_a_missing_state_machine_is_a_storage_failure(server: Ministack) -> None:
    states = server.client("stepfunctions")

    with pytest.raises(StorageFailed, match="missing"):
        StepFunctionsWorkflow(states, dict.fromkeys(Work, MACHINE)).start(Work.JOB, "J1")


def test_closing_closes_the_client() -> None:
    states = ScriptedStates()

    workflow(states).close()

    assert states.calls == [("close", "")]
