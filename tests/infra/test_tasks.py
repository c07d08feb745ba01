"""Tasks of Fargate: the worker again, for what outlives a function; and what both are built for."""

from __future__ import annotations

from typing import Final

import pytest

from infra.packager import ARCHITECTURES
from infra.template import only_for
from tests.infra.policies import VALUES, policy_of_machines
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


# -- who starts them -------------------------------------------------------------------------------

TASK: Final = "arn:aws:ecs:eu-central-1:111122223333:task/holdfast-dev/0123456789abcdef"
ENDS: Final = "arn:aws:events:eu-central-1:111122223333:rule/StepFunctionsGetEventsForECSTaskRule"


@pytest.mark.parametrize("machine", ["BackupMachine", "RestoreMachine", "JobMachine"])
def test_every_machine_that_runs_workers_may_start_tasks_under_one_role(machine: str) -> None:
    assert properties(machine)["RoleArn"] == {"Fn::GetAtt": ["MachineRole", "Arn"]}
    assert properties("MachineTaskPolicy")["Roles"] == [{"Ref": "MachineRole"}]


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("lambda:InvokeFunction", VALUES["Worker.Arn"]),
        ("ecs:RunTask", VALUES["WorkerTask"]),
        ("ecs:StopTask", TASK),
        ("ecs:DescribeTasks", TASK),
        ("events:PutRule", ENDS),
        ("iam:PassRole", VALUES["TaskRole.Arn"]),
        ("iam:PassRole", VALUES["TaskStartRole.Arn"]),
    ],
)
def test_a_machine_may_start_the_worker_as_a_function_and_as_a_task(
    action: str, resource: str
) -> None:
    assert policy_of_machines().allows(action, resource)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("lambda:InvokeFunction", VALUES["Worker.Arn"].replace("worker", "link_signer")),
        ("ecs:RunTask", VALUES["WorkerTask"].replace("holdfast-dev", "payroll")),
        ("ecs:StopTask", TASK.replace("holdfast-dev", "payroll")),
        ("ecs:RegisterTaskDefinition", VALUES["WorkerTask"]),
        ("events:PutRule", ENDS.replace("StepFunctions", "Payroll")),
        ("iam:PassRole", VALUES["ScheduleRole.Arn"]),
        ("dynamodb:GetItem", VALUES["CatalogTable.Arn"]),
        ("s3:GetObject", f"{VALUES['BackupBucket.Arn']}/projects/P/backups/B/1/database.dump"),
        ("secretsmanager:GetSecretValue", "*"),
        ("kms:Sign", VALUES["SigningKey.Arn"]),
    ],
)
def test_a_machine_may_do_nothing_of_what_the_worker_does(action: str, resource: str) -> None:
    assert not policy_of_machines().allows(action, resource)


def test_the_roles_of_a_task_are_handed_to_tasks_alone() -> None:
    (passing,) = [one for one in policy_of_machines().statements if one["Sid"] == "Roles"]

    wanted = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert passing["Condition"] == wanted
