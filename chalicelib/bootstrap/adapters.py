"""Choose one adapter per port by the settings."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import random as chance
from typing import Any

from chalicelib.adapters.system import SystemClock, UlidIds
from chalicelib.bootstrap.messengers import Messengers, messengers_of
from chalicelib.bootstrap.postgres import postgres_engine, postgres_restorer
from chalicelib.bootstrap.stores import directory_store, s3_store, unwatched
from chalicelib.domain.channel import ChannelKind
from chalicelib.domain.execution import Work
from chalicelib.ports import (
    Catalog,
    Clock,
    Ids,
    Notifier,
    ObjectStore,
    Scheduler,
    Secrets,
    Signer,
    Workflow,
)
from chalicelib.postgres_ports import Engine, Restorer
from chalicelib.settings import Settings


@dataclass(frozen=True)
class Adapters:
    """Hold one adapter per port; `engine` and `restorer` are made on first use.

    `scratch` is the folder of downloads and password files; `messengers` bring notices to
    channels, by their kind. Without a `scheduler` the loop of this machine, or the sweeper, looks
    for runs that are due.
    """

    clock: Clock
    ids: Ids
    catalog: Catalog
    store: ObjectStore
    workflow: Workflow
    secrets: Secrets
    signer: Signer
    notifier: Notifier
    engine: Callable[[], Engine]
    restorer: Callable[[], Restorer]
    scratch: Path
    scheduler: Scheduler | None = None
    messengers: Messengers = field(default_factory=dict)


def embedded_adapters(settings: Settings) -> Adapters:
    """Open the data folder, which is made when it is not there, readable by its owner only.

    Objects may lie in a bucket all the same; everything else stays on this machine.
    """
    # imported here, so that the AWS side never loads SQLite, cryptography or the file adapters
    from chalicelib.adapters.embedded import notifier, secrets, signer, workflow
    from chalicelib.adapters.embedded.catalog import SqliteCatalog

    data = settings.data.absolute()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = SystemClock()
    return Adapters(
        clock=clock,
        ids=UlidIds(clock),
        catalog=SqliteCatalog(data / "catalog.sqlite"),
        store=s3_store(settings, clock) if settings.s3_bucket else directory_store(settings),
        workflow=workflow.SqliteWorkflow(data / "workflow.sqlite"),
        secrets=secrets.FileSecrets(data / "secrets.json", data / "keys" / "secrets.key"),
        signer=signer.FileSigner(data / "keys" / "signing.key"),
        notifier=notifier.FileNotifier(data / "notices.jsonl"),
        engine=lambda: postgres_engine(settings, data / "scratch", clock),
        restorer=lambda: postgres_restorer(settings, data / "scratch", clock),
        scratch=data / "scratch",
        messengers=messengers_of(settings, clock),
    )


def aws_adapters(settings: Settings, watch: Callable[[Any], None] = unwatched) -> Adapters:
    """Name the parts of an installation on AWS; nothing is sent before it is needed.

    `watch` sees every client that is made, to count what it will send.
    """
    # imported here, so that one machine never loads boto3
    from chalicelib.adapters.aws.clients import Place, client, session_at
    from chalicelib.adapters.aws.dynamodb import DynamoCatalog
    from chalicelib.adapters.aws.kms_signer import KmsSigner
    from chalicelib.adapters.aws.retrying_catalog import Patience, RetryingCatalog
    from chalicelib.adapters.aws.secrets_manager import SecretsManagerSecrets
    from chalicelib.adapters.aws.sns_notifier import SnsMessenger, SnsNotifier
    from chalicelib.adapters.aws.step_functions import StepFunctionsWorkflow

    place = Place(settings.region, settings.aws_endpoint)
    session = session_at(place)

    def watched(service: str) -> Any:
        made = client(service, place, session)
        watch(made)
        return made

    clock = SystemClock()
    ids = UlidIds(clock)
    table = DynamoCatalog(watched("dynamodb"), settings.require("table"))
    sns = watched("sns")
    return Adapters(
        clock=clock,
        ids=ids,
        catalog=RetryingCatalog(table, ids, Patience(clock, threading.Event().wait, chance)),
        store=s3_store(settings, clock, watch, session),
        workflow=StepFunctionsWorkflow(watched("stepfunctions"), _machines(settings)),
        secrets=SecretsManagerSecrets(watched("secretsmanager"), settings.secrets_prefix),
        signer=KmsSigner(
            watched("kms"),
            settings.require("signing_key"),
            settings.require("signing_public_key"),
        ),
        notifier=SnsNotifier(sns, settings.require("topic")),
        engine=lambda: postgres_engine(settings, Path(tempfile.gettempdir()), clock),
        restorer=lambda: postgres_restorer(settings, Path(tempfile.gettempdir()), clock),
        scratch=Path(tempfile.gettempdir()),
        scheduler=_scheduler(settings, watched),
        messengers={
            **messengers_of(settings, clock),
            ChannelKind.SNS: lambda: SnsMessenger(sns),
        },
    )


def _machines(settings: Settings) -> dict[Work, str]:
    job = settings.require("job_machine")
    return {
        Work.BACKUP: settings.require("backup_machine"),
        Work.JOB: job,
        # a machine that runs a worker with the work and the id of its input does for all
        Work.RESTORE: settings.restore_machine or job,
        Work.NOTICES: job,
    }


def _scheduler(settings: Settings, client: Callable[[str], Any]) -> Scheduler | None:
    if settings.schedule_group is None:
        return None
    from chalicelib.adapters.aws.scheduler import EventBridgeScheduler, Target

    target = Target(
        group=settings.schedule_group,
        function_arn=settings.require("schedule_function"),
        role_arn=settings.require("schedule_role"),
        dead_letter_arn=settings.require("schedule_dead_letters"),
    )
    return EventBridgeScheduler(client("scheduler"), target)
