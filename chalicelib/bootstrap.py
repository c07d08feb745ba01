"""Plug the parts together: settings, adapters, services. Every part can be replaced.

Nothing is made before it is asked for, so that the API never loads the engine and a command line
that only lists never opens the object store.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import random as chance
from secrets import token_bytes
from typing import Any

from chalicelib.adapters.system import SystemClock, UlidIds
from chalicelib.domain.execution import Work
from chalicelib.domain.job import Job
from chalicelib.domain.public_hosts import check_public_endpoint
from chalicelib.domain.rate_limit import Limit
from chalicelib.domain.restore import Preflight
from chalicelib.observability import measure, span
from chalicelib.ports import (
    Catalog,
    Clock,
    Engine,
    Ids,
    Notifier,
    ObjectStore,
    Redeemer,
    Secrets,
    Signer,
    Watch,
    Workflow,
)
from chalicelib.restore_ports import Restorer
from chalicelib.services.access import OPERATOR, Access
from chalicelib.services.backups import Backups
from chalicelib.services.fetch_artefacts import Fetching, free_bytes_of
from chalicelib.services.figures import Figures
from chalicelib.services.jobs import Jobs
from chalicelib.services.ledger import Ledger
from chalicelib.services.links import Links, LinkSigner
from chalicelib.services.outbox import Outbox
from chalicelib.services.preflight_restore import RestorePreflight
from chalicelib.services.projects import Projects, any_endpoint
from chalicelib.services.rate_limits import Limits, LocalBuckets, RateLimits, SharedBuckets
from chalicelib.services.reap_restores import RestoreReaper
from chalicelib.services.restore_sources import RestoreSources
from chalicelib.services.restores import Restores
from chalicelib.services.run_backup import BackupRunner, Deadlines
from chalicelib.services.run_job import JobRunner
from chalicelib.services.run_restore import RestoreDeadlines, RestoreRunner
from chalicelib.services.sweeper import Sweeper
from chalicelib.services.trusted_backup import TrustedBackups
from chalicelib.settings import Settings


@dataclass(frozen=True)
class Adapters:
    """Hold one adapter per port; `engine` and `restorer` are made on first use.

    `scratch` is the folder of downloads and password files.
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


class Services:
    """Give every use case, made from adapters on first use."""

    def __init__(
        self, settings: Settings, adapters: Adapters, *, operator_token: str | None = None
    ) -> None:
        """Keep the parts; see `Access` for the operator token."""
        self.settings = settings
        self.adapters = adapters
        self._operator_token = operator_token
        self.ledger = Ledger(adapters.catalog, adapters.clock, adapters.ids, _measure)

    @cached_property
    def access(self) -> Access:
        """The keys."""
        return Access(self.ledger, self._operator_token)

    @cached_property
    def rate_limits(self) -> RateLimits:
        """The counters of calls; the operator of this machine goes uncounted."""
        settings, adapters = self.settings, self.adapters
        return RateLimits(
            Limits(
                requests=Limit("requests", settings.requests_per_minute),
                starts=Limit("starts", settings.starts_per_minute),
                strangers=Limit("strangers", settings.strangers_per_minute),
            ),
            LocalBuckets(adapters.clock),
            SharedBuckets(adapters.catalog, adapters.clock),
            exempt=frozenset({OPERATOR}),
        )

    @cached_property
    def projects(self) -> Projects:
        """The projects."""
        check = check_public_endpoint if self.settings.guards_hosts else any_endpoint
        return Projects(self.ledger, self.adapters.secrets, check)

    @cached_property
    def backups(self) -> Backups:
        """The backups."""
        return Backups(self.ledger, self.adapters.workflow, self.adapters.store)

    @cached_property
    def jobs(self) -> Jobs:
        """The jobs."""
        return Jobs(self.ledger, self.adapters.workflow, threading.Event().wait)

    @cached_property
    def restores(self) -> Restores:
        """The restores."""
        adapters = self.adapters
        return Restores(
            self.ledger,
            adapters.workflow,
            adapters.secrets,
            self.jobs,
            self.projects.check,
        )

    @cached_property
    def links(self) -> Links:
        """The links."""
        return Links(self.ledger)

    @cached_property
    def link_signer(self) -> LinkSigner:
        """The redemption of links, by whoever may read objects."""
        return LinkSigner(self.ledger, self.adapters.store)

    @cached_property
    def redeemer(self) -> Redeemer:
        """Where the API has links redeemed: in this process, or in the function that may read."""
        if self.settings.link_signer is None:
            return self.link_signer
        return remote_link_signer(self.settings)

    @cached_property
    def outbox(self) -> Outbox:
        """The notices that wait."""
        return Outbox(self.ledger, self.adapters.notifier)

    @cached_property
    def sweeper(self) -> Sweeper:
        """The broom."""
        adapters = self.adapters
        return Sweeper(
            self.ledger,
            adapters.store,
            adapters.workflow,
            adapters.signer,
            self.backups,
            self.outbox,
            RestoreReaper(self.restores, adapters.workflow, adapters.scratch),
        )

    def backup_runner(self, owner: str) -> BackupRunner:
        """Return what runs one backup; `owner` names this worker in leases."""
        adapters = self.adapters
        return BackupRunner(
            ledger=self.ledger,
            store=adapters.store,
            signer=adapters.signer,
            projects=self.projects,
            engine=adapters.engine(),
            outbox=self.outbox,
            deadlines=Deadlines(dump_s=self.settings.dump_deadline_s),
            owner=owner,
            span=span,
        )

    def job_runner(self, owner: str) -> JobRunner:
        """Return what runs one job; `owner` names this worker."""
        return JobRunner(
            ledger=self.ledger,
            store=self.adapters.store,
            signer=self.adapters.signer,
            projects=self.projects,
            engine=self.adapters.engine(),
            owner=owner,
            span=span,
            preflighting=self._preflight,
        )

    def restore_runner(self, owner: str) -> RestoreRunner:
        """Return what runs one restore; `owner` names this worker in leases."""
        return RestoreRunner(
            ledger=self.ledger,
            restores=self.restores,
            sources=self._restore_sources,
            restorer=self.adapters.restorer(),
            outbox=self.outbox,
            deadlines=RestoreDeadlines(restore_s=self.settings.dump_deadline_s),
            owner=owner,
            span=span,
        )

    def _preflight(self, job: Job, watch: Watch) -> Preflight:
        adapters = self.adapters
        check = RestorePreflight(self.ledger, self._restore_sources, adapters.restorer())
        return check.run(job, watch)

    @property
    def _restore_sources(self) -> RestoreSources:
        adapters = self.adapters
        return RestoreSources(
            trusted=TrustedBackups(adapters.store, adapters.signer),
            projects=self.projects,
            secrets=adapters.secrets,
            fetching=Fetching(adapters.store, adapters.clock, adapters.scratch, free_bytes_of),
        )


def _measure(figures: Figures) -> None:
    measure(figures.values, figures.dimensions)


def build(settings: Settings, *, operator_token: str | None = None) -> Services:
    """Build the services that the settings ask for: on AWS where a table is named."""
    adapters = aws_adapters(settings) if settings.table else embedded_adapters(settings)
    return Services(settings, adapters, operator_token=operator_token)


def embedded(settings: Settings, *, operator_token: str | None = None) -> Services:
    """Build the services of one machine over the data folder of the settings."""
    return Services(settings, embedded_adapters(settings), operator_token=operator_token)


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
    )


def unwatched(client: Any) -> None:
    """Let a client be."""
    del client


def aws_adapters(settings: Settings, watch: Callable[[Any], None] = unwatched) -> Adapters:
    """Name the parts of an installation on AWS; nothing is sent before it is needed.

    `watch` sees every client that is made, to count what it will send.
    """
    # imported here, so that one machine never loads boto3
    from chalicelib.adapters.aws.clients import Place, client
    from chalicelib.adapters.aws.dynamodb import DynamoCatalog
    from chalicelib.adapters.aws.kms_signer import KmsSigner
    from chalicelib.adapters.aws.retrying_catalog import Patience, RetryingCatalog
    from chalicelib.adapters.aws.secrets_manager import SecretsManagerSecrets
    from chalicelib.adapters.aws.sns_notifier import SnsNotifier
    from chalicelib.adapters.aws.step_functions import StepFunctionsWorkflow

    place = Place(settings.region, settings.aws_endpoint)

    def watched(service: str) -> Any:
        made = client(service, place)
        watch(made)
        return made

    clock = SystemClock()
    ids = UlidIds(clock)
    table = DynamoCatalog(watched("dynamodb"), settings.require("table"))
    machines = {
        Work.BACKUP: settings.require("backup_machine"),
        Work.JOB: settings.require("job_machine"),
        # one task that runs a worker with the work and the id of its input does for both
        Work.RESTORE: settings.require("job_machine"),
    }
    return Adapters(
        clock=clock,
        ids=ids,
        catalog=RetryingCatalog(table, ids, Patience(clock, threading.Event().wait, chance)),
        store=s3_store(settings, clock, watch),
        workflow=StepFunctionsWorkflow(watched("stepfunctions"), machines),
        secrets=SecretsManagerSecrets(watched("secretsmanager"), settings.secrets_prefix),
        signer=KmsSigner(
            watched("kms"),
            settings.require("signing_key"),
            settings.require("signing_public_key"),
        ),
        notifier=SnsNotifier(watched("sns"), settings.require("topic")),
        engine=lambda: postgres_engine(settings, Path(tempfile.gettempdir()), clock),
        restorer=lambda: postgres_restorer(settings, Path(tempfile.gettempdir()), clock),
        scratch=Path(tempfile.gettempdir()),
    )


def directory_store(settings: Settings) -> ObjectStore:
    """Return the store in the data folder."""
    from chalicelib.adapters.embedded.objects import DirectoryStore

    objects = settings.data.absolute() / "objects"
    return DirectoryStore(objects, link_key(settings), settings.public_url)


def s3_store(
    settings: Settings, clock: Clock, watch: Callable[[Any], None] = unwatched
) -> ObjectStore:
    """Return the store in the bucket of the settings, patient with passing troubles."""
    from chalicelib.adapters.aws.clients import Place
    from chalicelib.adapters.aws.retrying_catalog import Patience
    from chalicelib.adapters.aws.retrying_objects import OBJECT_POLICY, RetryingObjectStore
    from chalicelib.adapters.aws.s3 import S3ObjectStore
    from chalicelib.adapters.aws.s3_settings import LockMode, ObjectLock, S3Settings, s3_client

    mode, _, days = (settings.s3_lock or "").partition(":")
    keeping = S3Settings(
        settings.require("s3_bucket"),
        prefix=settings.s3_prefix,
        kms_key_id=settings.s3_kms_key,
        storage_class=settings.s3_storage_class,
        object_lock=ObjectLock(LockMode(mode), int(days)) if days else None,
        bucket_owner=settings.s3_bucket_owner,
    )
    client = s3_client(Place(settings.region, settings.s3_endpoint))
    watch(client)
    patience = Patience(clock, threading.Event().wait, chance, OBJECT_POLICY)
    return RetryingObjectStore(S3ObjectStore(client, keeping, clock), patience)


def remote_link_signer(settings: Settings) -> Redeemer:
    """Return the door to the function that redeems links with rights of its own."""
    from chalicelib.adapters.aws.clients import Place, client
    from chalicelib.adapters.aws.link_signer import LambdaLinkSigner

    place = Place(settings.region, settings.aws_endpoint)
    return LambdaLinkSigner(client("lambda", place), settings.require("link_signer"))


def link_key(settings: Settings) -> bytes:
    """Return the key that signs URLs of the embedded store, made with its first use."""
    from chalicelib.adapters.embedded import key_files

    path = settings.data.absolute() / "keys" / "links.key"
    return key_files.load_or_make(path, lambda: token_bytes(32))


def postgres_engine(settings: Settings, scratch: Path, clock: Clock) -> Engine:
    """Return the PostgreSQL engine, loading psycopg only now."""
    from chalicelib.adapters.host_guard import PublicHosts, system_resolve
    from chalicelib.engine.engine import EngineSettings, PostgresEngine

    guard = PublicHosts(system_resolve, clock, threading.Event().wait)
    return PostgresEngine(
        EngineSettings(
            client_dirs=settings.client_dirs,
            floor_policy=settings.floor_policy,
            lock_timeout_s=settings.lock_timeout_s,
            scratch_dir=scratch,
            guard=guard if settings.guards_hosts else None,
        ),
        clock,
    )


def postgres_restorer(settings: Settings, scratch: Path, clock: Clock) -> Restorer:
    """Return what restores into PostgreSQL, loading psycopg only now."""
    from chalicelib.adapters.host_guard import PublicHosts, system_resolve
    from chalicelib.engine.clients import Clients, default_folders
    from chalicelib.engine.restore.restorer import PostgresRestorer, RestorerSettings

    guard = PublicHosts(system_resolve, clock, threading.Event().wait)
    return PostgresRestorer(
        RestorerSettings(
            clients=Clients(default_folders(settings.client_dirs)),
            floor_policy=settings.floor_policy,
            lock_timeout_s=settings.lock_timeout_s,
            scratch_dir=scratch,
            guard=guard if settings.guards_hosts else None,
        ),
        clock,
    )
