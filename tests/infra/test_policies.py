"""Each function may do what its code does, and no more: a table of calls, allowed and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from app import app
from chalicelib.adapters.aws.call_counter import CallCounter
from chalicelib.adapters.aws.stack_permissions import PLACES, Account
from chalicelib.bootstrap.adapters import aws_adapters
from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, BackupOptions, Chore
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query, Replace
from chalicelib.domain.restore import RestoreOptions
from chalicelib.domain.stack import FUNCTIONS
from chalicelib.domain.stack_rights import RIGHTS, Place
from chalicelib.services.backups import NewBackup
from chalicelib.services.links import NewLink
from chalicelib.services.projects import NewProject
from chalicelib.services.restores import NewRestore
from infra import trimmed
from tests.infra.policies import VALUES, policy_of
from tests.support.servers import ROOT
from tests.support.stack import AWS, Stack, opened
from tests.support.world import ScriptedEngine, ScriptedRestorer

TABLE: Final = VALUES["CatalogTable.Arn"]
INDEX: Final = f"{TABLE}/index/by_kind"
BUCKET: Final = VALUES["BackupBucket.Arn"]
DUMP: Final = f"{BUCKET}/projects/P/backups/B/1/database.dump"
SECRET: Final = (
    "arn:aws:secretsmanager:eu-central-1:111122223333:secret:holdfast/dev/projects/P-AbCdEf"
)
CHANNEL_SECRET: Final = SECRET.replace("projects/P", "channels/C")
FOREIGN_SECRET: Final = SECRET.replace("holdfast/dev", "payroll")
OTHER_STAGE: Final = SECRET.replace("holdfast/dev", "holdfast/prod")
MACHINE: Final = "arn:aws:states:eu-central-1:111122223333:stateMachine:holdfast-dev-backup"
EXECUTION: Final = "arn:aws:states:eu-central-1:111122223333:execution:holdfast-dev-backup:B"
SIGNER: Final = "arn:aws:lambda:eu-central-1:111122223333:function:holdfast-dev-link_signer"
WORKER: Final = SIGNER.replace("link_signer", "worker")
SCHEDULE: Final = "arn:aws:scheduler:eu-central-1:111122223333:schedule/holdfast-dev/S"
TOPIC: Final = VALUES["NoticeTopic"]

# what a call of boto3 asks of IAM
ACTIONS: Final[dict[tuple[str, str], set[str]]] = {
    ("dynamodb", "TransactWriteItems"): {
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
    },
    ("s3", "HeadObject"): {"s3:GetObject"},
    ("s3", "HeadBucket"): {"s3:ListBucket"},
    ("s3", "ListObjectsV2"): {"s3:ListBucket"},
    ("s3", "ListMultipartUploads"): {"s3:ListBucketMultipartUploads"},
    ("s3", "ListParts"): {"s3:ListMultipartUploadParts"},
    ("s3", "CreateMultipartUpload"): {"s3:PutObject"},
    ("s3", "UploadPart"): {"s3:PutObject"},
    ("s3", "CompleteMultipartUpload"): {"s3:PutObject"},
}
SERVICES: Final = {"stepfunctions": "states"}
# what our code asks for in cases that a run without trouble does not meet
RARE: Final = {
    "secretsmanager:RestoreSecret",  # a name that was deleted is used again
    "secretsmanager:CreateSecret",
    "secretsmanager:PutSecretValue",
    "secretsmanager:DeleteSecret",
    "secretsmanager:GetSecretValue",  # the API reads a channel's address to change it
    "s3:AbortMultipartUpload",
    "s3:ListBucket",  # what was stored of a run that failed
    "s3:ListMultipartUploadParts",
    "s3:ListBucketMultipartUploads",
    "s3:DeleteObject",
    "s3:GetObject",
    "states:StartExecution",
    "states:StopExecution",
    "states:DescribeExecution",
    "dynamodb:UpdateItem",
    "dynamodb:BatchGetItem",
    "sns:Publish",
    "lambda:InvokeFunction",
    # schedules, and what reconciles them
    "scheduler:CreateSchedule",
    "scheduler:DeleteSchedule",
    "scheduler:GetSchedule",
    "scheduler:ListSchedules",
    "scheduler:UpdateSchedule",
    "iam:PassRole",
    # what no client of ours calls: AWS does it in our name
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    "s3:PutObjectRetention",
}


@pytest.mark.parametrize(
    ("function", "action", "resource"),
    [
        ("api_handler", "dynamodb:GetItem", TABLE),
        ("api_handler", "dynamodb:Query", INDEX),
        ("api_handler", "states:StartExecution", MACHINE),
        ("api_handler", "states:StopExecution", EXECUTION),
        ("api_handler", "secretsmanager:PutSecretValue", SECRET),
        ("api_handler", "lambda:InvokeFunction", SIGNER),
        ("api_handler", "s3:DeleteObject", DUMP),
        ("api_handler", "s3:ListBucket", BUCKET),
        ("api_handler", "scheduler:UpdateSchedule", SCHEDULE),
        ("api_handler", "iam:PassRole", VALUES["ScheduleRole.Arn"]),
        ("scheduled_backup", "states:StartExecution", MACHINE),
        ("event_backup", "states:StartExecution", MACHINE),
        ("gate", "states:StartExecution", MACHINE),
        ("gate_status", "dynamodb:GetItem", TABLE),
        ("link_signer", "s3:GetObject", DUMP),
        ("link_signer", "dynamodb:GetItem", TABLE),
        ("sweeper", "s3:GetObject", DUMP),
        ("sweeper", "states:StopExecution", EXECUTION),
        ("sweeper", "sns:Publish", TOPIC),
        ("worker", "s3:PutObject", DUMP),
        ("worker", "s3:GetObject", DUMP),
        ("worker", "kms:Sign", VALUES["SigningKey.Arn"]),
        ("worker", "secretsmanager:GetSecretValue", SECRET),
        # channels: who delivers, and who changes where one leads
        ("worker", "secretsmanager:GetSecretValue", CHANNEL_SECRET),
        ("worker", "sns:Publish", VALUES["ChannelTopics"]),
        ("api_handler", "secretsmanager:GetSecretValue", CHANNEL_SECRET),
        ("event_backup", "sqs:SendMessage", VALUES["ScheduleDeadLetters.Arn"]),
    ],
)
def test_a_function_may_do_what_it_is_for(function: str, action: str, resource: str) -> None:
    assert policy_of(function).allows(action, resource)


@pytest.mark.parametrize(
    ("function", "action", "resource"),
    [
        # the API reads no object, signs nothing and sees no password
        ("api_handler", "s3:GetObject", DUMP),
        ("api_handler", "s3:PutObject", DUMP),
        ("api_handler", "kms:Sign", VALUES["SigningKey.Arn"]),
        ("api_handler", "secretsmanager:GetSecretValue", SECRET),
        ("api_handler", "secretsmanager:PutSecretValue", OTHER_STAGE),
        ("api_handler", "lambda:InvokeFunction", WORKER),
        ("api_handler", "dynamodb:Scan", TABLE),
        ("api_handler", "dynamodb:DeleteTable", TABLE),
        ("api_handler", "sns:Publish", TOPIC),
        ("worker", "sns:Publish", VALUES["ChannelTopics"].replace("on-call", "payroll")),
        ("sweeper", "secretsmanager:GetSecretValue", CHANNEL_SECRET),
        ("api_handler", "scheduler:DeleteSchedule", SCHEDULE.replace("holdfast-dev", "payroll")),
        ("api_handler", "iam:PassRole", "arn:aws:iam::111122223333:role/worker"),
        # what starts backups touches neither objects nor secrets nor keys
        ("scheduled_backup", "s3:DeleteObject", DUMP),
        ("scheduled_backup", "secretsmanager:GetSecretValue", SECRET),
        ("event_backup", "s3:GetObject", DUMP),
        ("event_backup", "scheduler:CreateSchedule", SCHEDULE),
        ("gate", "states:StopExecution", EXECUTION),
        ("gate", "kms:Sign", VALUES["SigningKey.Arn"]),
        ("gate_status", "s3:GetObject", DUMP),
        # the signer reads objects, and nothing else of weight
        ("link_signer", "s3:PutObject", DUMP),
        ("link_signer", "s3:DeleteObject", DUMP),
        ("link_signer", "s3:ListBucket", BUCKET),
        ("link_signer", "dynamodb:Query", INDEX),
        ("link_signer", "dynamodb:DeleteItem", TABLE),
        ("link_signer", "secretsmanager:GetSecretValue", SECRET),
        ("link_signer", "states:StartExecution", MACHINE),
        # the sweeper clears, and makes nothing
        ("sweeper", "s3:PutObject", DUMP),
        ("sweeper", "kms:Sign", VALUES["SigningKey.Arn"]),
        ("sweeper", "secretsmanager:GetSecretValue", SECRET),
        # a worker starts nothing, and knows no secrets but ours
        ("worker", "states:StartExecution", MACHINE),
        ("worker", "secretsmanager:GetSecretValue", FOREIGN_SECRET),
        ("worker", "secretsmanager:GetSecretValue", OTHER_STAGE),
        ("worker", "lambda:InvokeFunction", SIGNER),
        ("worker", "kms:ScheduleKeyDeletion", VALUES["SigningKey.Arn"]),
        ("worker", "s3:BypassGovernanceRetention", DUMP),
        ("worker", "s3:DeleteObjectVersion", DUMP),
        ("worker", "s3:PutObject", f"{BUCKET}/elsewhere"),
        ("worker", "s3:GetObject", "arn:aws:s3:::somebody-elses/projects/x"),
    ],
)
def test_a_function_may_do_nothing_else(function: str, action: str, resource: str) -> None:
    assert not policy_of(function).allows(action, resource)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_statement_names_all_resources_but_for_traces(function: str) -> None:
    wide = [one["Sid"] for one in policy_of(function).statements if one["Resource"] == "*"]

    # the actions of these know no resources
    assert set(wide) <= {"Traces", "ListSchedules"}


def test_every_function_of_the_app_has_a_policy_of_its_own() -> None:
    named = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
    made = {"api_handler", *(handler.name for handler in app.pure_lambda_functions)}
    made |= {source.name for source in app.event_sources}

    files = {name: one["iam_policy_file"] for name, one in named.items()}

    assert made <= set(files)
    assert files == {name: f"policy-{name}.json" for name in files}


def test_a_function_without_a_policy_of_its_own_may_write_its_log_only() -> None:
    assert policy_of("nothing").actions == {"logs:CreateLogStream", "logs:PutLogEvents"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_action_is_a_pattern(function: str) -> None:
    assert [action for action in policy_of(function).actions if "*" in action] == []


def places() -> dict[Place, str]:
    account = Account("aws", "eu-central-1", "111122223333", "dev")
    known = {
        "HOLDFAST_S3_BUCKET": BUCKET.rpartition(":")[2],
        "HOLDFAST_S3_KMS_KEY": VALUES["DataKey.Arn"],
        "HOLDFAST_SIGNING_KEY": VALUES["SigningKey.Arn"],
        "HOLDFAST_TOPIC": TOPIC,
        "HOLDFAST_SCHEDULE_DEAD_LETTERS": VALUES["ScheduleDeadLetters.Arn"],
        "HOLDFAST_SCHEDULE_ROLE": VALUES["ScheduleRole.Arn"],
    }
    return {place: arn(account, known) for place, arn in PLACES.items()}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_the_doctor_asks_for_is_what_the_policy_allows(function: str) -> None:
    policy, arns = policy_of(function), places()
    asked = {(action, one.place) for one in RIGHTS[function] for action in one.actions}

    refused = {(action, place) for action, place in asked if not policy.allows(action, arns[place])}

    aside = ("logs:", "xray:", "s3:PutObjectRetention")  # of no use to ask, or of some stages only
    assert refused == set()
    assert {action for action, _ in asked} == {
        action for action in policy.actions if not action.startswith(aside)
    }


# -- what the code really calls ----------------------------------------------------------------


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    with opened(AWS, request.config, tmp_path) as made:
        yield made


class Recorded:
    """The services of one function, and what they ask of IAM."""

    def __init__(self, stack: Stack) -> None:
        self.counter = CallCounter()
        adapters = aws_adapters(stack.services.settings, self.counter.watch)
        engine, restorer = ScriptedEngine(), ScriptedRestorer()
        scripted = replace(adapters, engine=lambda: engine, restorer=lambda: restorer)
        self.services = Services(stack.services.settings, scripted)

    @property
    def actions(self) -> set[str]:
        return {
            action
            for service, operation in self.counter.counts
            for action in ACTIONS.get(
                (service, operation), {f"{SERVICES.get(service, service)}:{operation}"}
            )
        }


def act_as_api(services: Services) -> tuple[str, str]:
    """Do what people ask the API for; return a backup to run and its project."""
    target = Connection(Endpoint(host="db.example.org", database="app"), "s3cret")
    project = services.projects.create("test", NewProject("shop", target, {}))
    services.projects.find(Query(Project, limit=1))
    wanted = NewBackup(project.id, BackupOptions())
    dropped = services.backups.request("test", wanted)
    services.backups.cancel("test", dropped.id)
    services.backups.delete("test", dropped.id)
    return services.backups.request("test", wanted).id, project.id


def restored_as_api(services: Services, backup_id: str, project_id: str) -> str:
    backup = services.backups.get(backup_id)
    services.links.create("test", backup, NewLink())
    wanted = NewRestore(backup_id, project_id, RestoreOptions())
    return services.restores.request("test", wanted).id


def leave_something_to_the_sweeper(services: Services, backup_id: str) -> None:
    """Mark a backup as one whose deletion was begun by somebody who vanished."""
    catalog = services.adapters.catalog
    backup = catalog.get(Backup, backup_id)
    catalog.commit([Replace(backup.model_copy(update={"chore": Chore.DELETE}))])


def test_the_policies_allow_what_the_code_calls_and_no_more(stack: Stack) -> None:
    api, worker, sweeper = Recorded(stack), Recorded(stack), Recorded(stack)
    backup_id, project_id = act_as_api(api.services)
    worker.services.backup_runner("worker-1").run(backup_id)
    restore_id = restored_as_api(api.services, backup_id, project_id)
    worker.services.restore_runner("worker-1").run(restore_id)
    leave_something_to_the_sweeper(api.services, backup_id)
    sweeper.services.sweeper.sweep()

    assert {service for one in (api, sweeper) for service, _ in one.counter.counts} <= (
        trimmed.SERVICES
    )
    found = {"api_handler": api.actions, "worker": worker.actions, "sweeper": sweeper.actions}

    for function, called in found.items():
        allowed = policy_of(function).actions
        assert called - allowed == set(), function
        assert allowed - called <= RARE, function


def test_a_link_is_redeemed_with_the_signers_rights_alone(stack: Stack) -> None:
    api, worker, signer = Recorded(stack), Recorded(stack), Recorded(stack)
    backup_id, _ = act_as_api(api.services)
    done = worker.services.backup_runner("worker-1").run(backup_id)
    _, token = api.services.links.create("test", done, NewLink())

    signer.services.link_signer.redeem(token)

    # a transaction needs the right of each write that is in it; a redemption deletes nothing
    assert signer.actions - {"dynamodb:DeleteItem"} <= policy_of("link_signer").actions
