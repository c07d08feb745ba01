"""Tasks of Fargate: the worker again, for what outlives a function; and what both are built for."""

from __future__ import annotations

import pytest

from infra.packager import ARCHITECTURES
from infra.template import only_for
from tests.support.templates import properties, template

# -- architecture ----------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_package_is_for_the_one_architecture_it_was_made_for(architecture: str) -> None:
    parameter = only_for(template(), architecture)["Parameters"]["Architecture"]

    assert (parameter["AllowedValues"], parameter["Default"]) == ([architecture], architecture)


@pytest.mark.parametrize(("architecture", "named"), [("x86_64", "X86_64"), ("arm64", "ARM64")])
def test_worker_and_task_are_of_the_same_architecture(architecture: str, named: str) -> None:
    task = only_for(template(), architecture)["Resources"]["WorkerTask"]["Properties"]

    assert properties("Worker")["Architectures"] == [{"Ref": "Architecture"}]
    assert task["RuntimePlatform"]["CpuArchitecture"] == named


# -- tasks -----------------------------------------------------------------------------------------


def test_a_task_may_what_the_worker_may_less_what_starts_it() -> None:
    worker, task = (
        properties(name)["Policies"][0]["PolicyDocument"]["Statement"]
        for name in ("WorkerRole", "TaskRole")
    )

    left = [one["Sid"] for one in worker if one not in task]
    assert left == ["Logs", "Traces"]
    assert [one for one in task if one not in worker] == []


@pytest.mark.parametrize(
    ("role", "service"),
    [("WorkerRole", "lambda.amazonaws.com"), ("TaskRole", "ecs-tasks.amazonaws.com")],
)
def test_a_role_is_for_one_service(role: str, service: str) -> None:
    (trust,) = properties(role)["AssumeRolePolicyDocument"]["Statement"]

    assert trust["Principal"] == {"Service": service}


def test_everything_of_tasks_is_there_with_subnets_only() -> None:
    resources = template()["Resources"]
    kinds = ("AWS::ECS::Cluster", "AWS::ECS::TaskDefinition")
    named = {"TaskRole", "TaskStartRole", "MachineTaskPolicy", "TaskLogs"}
    named |= {name for name, one in resources.items() if one.get("Type") in kinds}

    assert {resources[name].get("Condition") for name in named} == {"HasSubnets"}
