"""The AWS adapters as Python source, as the contract suites take adapters: see tests/contracts."""

from __future__ import annotations

from chalicelib.adapters.aws.kms_signer import fetch_public_key
from tests.support.ministack import Ministack, fresh
from tests.support.seaweedfs import BUCKET, KEYS, REGION, SECRET, SeaweedFS, fresh_prefix


def catalog(server: Ministack) -> str:
    """Return a catalog as it is installed: the table's, in its retrying wrapper."""
    return _client(server, "dynamodb") + (
        "import random\n"
        "from threading import Event\n"
        "from chalicelib.adapters.aws.dynamodb import DynamoCatalog\n"
        "from chalicelib.adapters.aws.retrying_catalog import Patience, RetryingCatalog\n"
        "from chalicelib.adapters.system import SystemClock, UlidIds\n"
        "clock = SystemClock()\n"
        "patience = Patience(clock, Event().wait, random.random)\n"
        f"behind = DynamoCatalog(made, {server.new_table()!r})\n"
        "made = RetryingCatalog(behind, UlidIds(clock), patience)\n"
    )


def store(server: SeaweedFS) -> str:
    """Return a store of parts from 5 MiB, S3's smallest, below a prefix nobody else has."""
    keys = (KEYS.access_key_id, SECRET)
    return (
        "from chalicelib.adapters.aws.clients import Credentials, Place\n"
        "from chalicelib.adapters.aws.s3 import S3ObjectStore\n"
        "from chalicelib.adapters.aws.s3_settings import S3Settings, s3_client\n"
        "from chalicelib.adapters.system import SystemClock\n"
        "from chalicelib.ports import PartLimits\n"
        f"place = Place({REGION!r}, {server.endpoint!r}, Credentials(*{keys!r}))\n"
        "limits = PartLimits(5 << 20, 80 << 20, 20, parts_in_flight=2)\n"
        f"settings = S3Settings({BUCKET!r}, prefix={fresh_prefix()!r}, limits=limits)\n"
        "made = S3ObjectStore(s3_client(place), settings, SystemClock())\n"
    )


def workflow(server: Ministack) -> str:
    machines = {work.value: arn for work, arn in server.new_state_machines().items()}
    return _client(server, "stepfunctions") + (
        "from chalicelib.adapters.aws.step_functions import StepFunctionsWorkflow\n"
        "from chalicelib.domain.execution import Work\n"
        f"machines = {{Work(work): arn for work, arn in {machines!r}.items()}}\n"
        "made = StepFunctionsWorkflow(made, machines)\n"
    )


def secrets(server: Ministack) -> str:
    return _client(server, "secretsmanager") + (
        "from chalicelib.adapters.aws.secrets_manager import SecretsManagerSecrets\n"
        f"made = SecretsManagerSecrets(made, {fresh('holdfast') + '/'!r})\n"
    )


def signer(server: Ministack) -> str:
    key_id = server.new_signing_key()
    pinned = fetch_public_key(server.client("kms"), key_id)
    return _client(server, "kms") + (
        "from chalicelib.adapters.aws.kms_signer import KmsSigner\n"
        f"made = KmsSigner(made, {key_id!r}, {pinned!r})\n"
    )


def scheduler(server: Ministack) -> str:
    arns = [
        f"arn:aws:{rest}"
        for rest in (
            "lambda:eu-central-1:000000000000:function:start",
            "iam::000000000000:role/scheduler",
            "sqs:eu-central-1:000000000000:missed-schedules",
        )
    ]
    return _client(server, "scheduler") + (
        "from chalicelib.adapters.aws.scheduler import EventBridgeScheduler, Target\n"
        f"made = EventBridgeScheduler(made, Target({server.new_schedule_group()!r}, *{arns!r}))\n"
    )


def _client(server: Ministack, service: str) -> str:
    return (
        "from chalicelib.adapters.aws.clients import Credentials, Place, client\n"
        f"place = Place('eu-central-1', {server.endpoint!r}, Credentials('test', 'test'))\n"
        f"made = client({service!r}, place)\n"
    )
