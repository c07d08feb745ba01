"""An installation as deploying leaves it, made piece by piece in the stand-in for AWS."""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, Final

from chalicelib.adapters.aws.clients import Place, client
from chalicelib.adapters.aws.dynamodb import DynamoCatalog
from chalicelib.adapters.aws.dynamodb_table import table_definition
from chalicelib.adapters.aws.stack_permissions import PLACES, Account
from chalicelib.adapters.aws.stack_reader import StackReader
from chalicelib.adapters.system import SystemClock, UlidIds
from chalicelib.domain.channel import Channel, ChannelKind
from chalicelib.domain.record import Insert
from chalicelib.domain.stack import FUNCTIONS, MACHINES, StackFacts
from chalicelib.domain.stack_rights import RIGHTS
from tests.support.functions import EXECUTABLE
from tests.support.ministack import ACCOUNT, MACHINE, REGION, ROLE, Ministack, fresh
from tests.support.servers import ROOT

PATIENCE_S: Final = 30
TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
TEMPLATE: Final = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Parameters": {"Architecture": {"Type": "String", "Default": "x86_64"}},
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
}


@dataclass(frozen=True)
class Deployed:
    """Name an installation, and take pieces of it away."""

    server: Ministack
    stage: str
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"holdfast-{self.stage}"

    def client(self, service: str) -> Any:
        return self.server.client(service)

    def facts(self, stack: str | None = None) -> StackFacts:
        """Look at it as the doctor does."""
        return StackReader(self.client, stack or self.name, SystemClock()).facts()

    def facts_from(self, region: str) -> StackFacts:
        """Look at it from another region."""
        place = self.server.place
        there = Place(region, place.endpoint_url, place.credentials)
        elsewhere = partial(_client_at, there)
        return StackReader(elsewhere, self.name, SystemClock()).facts()

    def channel(self, name: str) -> str:
        """Keep the record of a channel, without its address; return its id."""
        clock = SystemClock()
        channel = Channel(
            id=UlidIds(clock).new(),
            name=name,
            channel_kind=ChannelKind.WEBHOOK,
            place="https://hooks.example.org/…",
            created_at=clock.now(),
            updated_at=clock.now(),
            created_by="test",
        )
        DynamoCatalog(self.client("dynamodb"), self.name).commit([Insert(channel)])
        return channel.id

    def allow(self, function: str, *, less: tuple[str, ...] = ()) -> None:
        """Let a role do what its function needs, less some actions."""
        account = Account("aws", REGION, ACCOUNT, self.stage)
        statements = [
            {
                "Effect": "Allow",
                "Action": [action for action in rights.actions if action not in less],
                "Resource": PLACES[rights.place](account, self.settings),
            }
            for rights in RIGHTS[function]
            if not set(rights.actions) <= set(less)
        ]
        self.client("iam").put_role_policy(
            RoleName=f"{self.name}-{function}",
            PolicyName="policy",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )


def deployed(server: Ministack) -> Deployed:
    """Make every piece under a stage of its own."""
    stage = fresh("s").replace("-", "")[:12]
    made = Deployed(server, stage)
    made.client("cloudformation").create_stack(
        StackName=made.name, TemplateBody=json.dumps(TEMPLATE)
    )
    made.settings.update(_kept(made))
    for name in FUNCTIONS:
        _role(made, name)
        _function(made, name)
    for name in MACHINES:
        made.client("stepfunctions").create_state_machine(
            name=f"{made.name}-{name}", definition=MACHINE, roleArn=ROLE
        )
    _log_groups(made)
    for name in FUNCTIONS:
        _await_active(made, name)
    return made


def _kept(made: Deployed) -> Mapping[str, str]:
    """Make what keeps something; return the settings that name it."""
    made.client("dynamodb").create_table(**table_definition(made.name))
    bucket = f"{made.name}-backups"
    place = {"LocationConstraint": REGION}
    made.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    made.client("s3").put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    made.client("scheduler").create_schedule_group(Name=made.name)
    topic = made.client("sns").create_topic(Name=made.name)["TopicArn"]
    made.client("sqs").create_queue(QueueName=f"{made.name}-dead")
    keys = made.client("kms")
    data_key = keys.create_key()["KeyMetadata"]["Arn"]
    signing = keys.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["Arn"]
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{made.name}"
    return {
        "HOLDFAST_REGION": REGION,
        "HOLDFAST_TABLE": made.name,
        "HOLDFAST_S3_BUCKET": bucket,
        "HOLDFAST_S3_KMS_KEY": data_key,
        "HOLDFAST_SIGNING_KEY": signing,
        "HOLDFAST_SIGNING_PUBLIC_KEY": "pem",
        "HOLDFAST_TOPIC": topic,
        "HOLDFAST_PUBLIC_URL": "https://api.example.org",
        "HOLDFAST_BACKUP_MACHINE": f"{machine}-backup",
        "HOLDFAST_RESTORE_MACHINE": f"{machine}-restore",
        "HOLDFAST_JOB_MACHINE": f"{machine}-job",
        "HOLDFAST_SCHEDULE_GROUP": made.name,
        "HOLDFAST_SCHEDULE_ROLE": f"arn:aws:iam::{ACCOUNT}:role/{made.name}-schedules",
        "HOLDFAST_SCHEDULE_DEAD_LETTERS": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{made.name}-dead",
    }


def _role(made: Deployed, function: str) -> None:
    made.client("iam").create_role(
        RoleName=f"{made.name}-{function}", AssumeRolePolicyDocument=json.dumps(TRUST)
    )
    made.allow(function)


def _function(made: Deployed, name: str) -> None:
    made.client("lambda").create_function(
        FunctionName=f"{made.name}-{name}",
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=f"arn:aws:iam::{ACCOUNT}:role/{made.name}-{name}",
        Code={"ZipFile": _zipped()},
        Timeout=60,
        Environment={"Variables": made.settings},
    )


def _await_active(made: Deployed, name: str) -> None:
    functions = made.client("lambda")
    deadline = time.monotonic() + PATIENCE_S
    pause = Event()
    while functions.get_function(FunctionName=f"{made.name}-{name}")["Configuration"]["State"] != (
        "Active"
    ):
        assert time.monotonic() < deadline, f"the function {name} did not become active"
        pause.wait(0.05)


def _zipped() -> bytes:
    """Return a function that tells of this machine's programs, as the worker's image does."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        start = zipfile.ZipInfo("bootstrap")
        start.external_attr = EXECUTABLE
        archive.writestr(
            start,
            f"#!/bin/sh\ncd {ROOT}\n"
            f"exec {sys.executable} -m awslambdaric tests.support.looking_function.handler\n",
        )
    return held.getvalue()


def _log_groups(made: Deployed) -> None:
    logs = made.client("logs")
    groups = [f"/aws/lambda/{made.name}-{name}" for name in FUNCTIONS]
    for group in [*groups, f"/aws/vendedlogs/states/{made.name}"]:
        logs.create_log_group(logGroupName=group)
        logs.put_retention_policy(logGroupName=group, retentionInDays=30)


def _client_at(place: Place, service: str) -> Any:
    return client(service, place)
