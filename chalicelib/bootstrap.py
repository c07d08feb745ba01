"""Plug the parts together: settings, adapters, services. Every part can be replaced.

Nothing is made before it is asked for, so that the API never loads the engine and a command line
that only lists never opens the object store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from secrets import token_bytes
from typing import Final

from chalicelib.ports import (
    Catalog,
    Clock,
    Engine,
    Ids,
    Notifier,
    ObjectStore,
    PartLimits,
    Secrets,
    Signer,
    Workflow,
)
from chalicelib.services.access import Access
from chalicelib.services.backups import Backups
from chalicelib.services.jobs import Jobs
from chalicelib.services.ledger import Ledger
from chalicelib.services.links import Links, LinkSigner
from chalicelib.services.outbox import Outbox
from chalicelib.services.projects import Projects
from chalicelib.services.run_backup import BackupRunner, Deadlines
from chalicelib.services.run_job import JobRunner
from chalicelib.services.sweeper import Sweeper
from chalicelib.settings import Settings

DIRECTORY_LIMITS: Final = PartLimits(
    min_part_bytes=5 << 20, max_part_bytes=5 << 30, max_parts=1_000_000
)
"""A directory has no reason for S3's 10,000 parts; many small ones keep a worker's memory flat."""


@dataclass(frozen=True)
class Adapters:
    """Hold one adapter per port; `engine` is made on first use."""

    clock: Clock
    ids: Ids
    catalog: Catalog
    store: ObjectStore
    workflow: Workflow
    secrets: Secrets
    signer: Signer
    notifier: Notifier
    engine: Callable[[], Engine]


class Services:
    """Give every use case, made from adapters on first use."""

    def __init__(
        self, settings: Settings, adapters: Adapters, *, operator_token: str | None = None
    ) -> None:
        """Keep the parts; see `Access` for the operator token."""
        self.settings = settings
        self.adapters = adapters
        self._operator_token = operator_token
        self.ledger = Ledger(adapters.catalog, adapters.clock, adapters.ids)

    @cached_property
    def access(self) -> Access:
        """The keys."""
        return Access(self.ledger, self._operator_token)

    @cached_property
    def projects(self) -> Projects:
        """The projects."""
        return Projects(self.ledger, self.adapters.secrets)

    @cached_property
    def backups(self) -> Backups:
        """The backups."""
        return Backups(self.ledger, self.adapters.workflow, self.adapters.store)

    @cached_property
    def jobs(self) -> Jobs:
        """The jobs."""
        return Jobs(self.ledger, self.adapters.workflow, threading.Event().wait)

    @cached_property
    def links(self) -> Links:
        """The links."""
        return Links(self.ledger)

    @cached_property
    def link_signer(self) -> LinkSigner:
        """The redemption of links."""
        return LinkSigner(self.ledger, self.adapters.store)

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
        )

    def job_runner(self, owner: str) -> JobRunner:
        """Return what runs one job; `owner` names this worker."""
        return JobRunner(
            ledger=self.ledger,
            store=self.adapters.store,
            projects=self.projects,
            engine=self.adapters.engine(),
            owner=owner,
        )


def embedded(settings: Settings, *, operator_token: str | None = None) -> Services:
    """Build the services of one machine over the data folder of the settings."""
    return Services(settings, embedded_adapters(settings), operator_token=operator_token)


def embedded_adapters(settings: Settings) -> Adapters:
    """Open the data folder, which is made when it is not there, readable by its owner only."""
    # imported here, so that the AWS side never loads SQLite, cryptography or the file adapters
    from chalicelib.adapters.embedded import notifier, secrets, signer, system, workflow
    from chalicelib.adapters.embedded.catalog import SqliteCatalog
    from chalicelib.adapters.embedded.objects import DirectoryStore

    data = settings.data.absolute()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = system.SystemClock()
    return Adapters(
        clock=clock,
        ids=system.UlidIds(clock),
        catalog=SqliteCatalog(data / "catalog.sqlite"),
        store=DirectoryStore(
            data / "objects", link_key(settings), settings.public_url, limits=DIRECTORY_LIMITS
        ),
        workflow=workflow.SqliteWorkflow(data / "workflow.sqlite"),
        secrets=secrets.FileSecrets(data / "secrets.json", data / "keys" / "secrets.key"),
        signer=signer.FileSigner(data / "keys" / "signing.key"),
        notifier=notifier.FileNotifier(data / "notices.jsonl"),
        engine=lambda: postgres_engine(settings, data / "scratch", clock),
    )


def link_key(settings: Settings) -> bytes:
    """Return the key that signs URLs of the embedded store, made with its first use."""
    from chalicelib.adapters.embedded import key_files

    path = settings.data.absolute() / "keys" / "links.key"
    return key_files.load_or_make(path, lambda: token_bytes(32))


def postgres_engine(settings: Settings, scratch: Path, clock: Clock) -> Engine:
    """Return the PostgreSQL engine, loading psycopg only now."""
    from chalicelib.engine.engine import EngineSettings, PostgresEngine

    return PostgresEngine(
        EngineSettings(
            client_dirs=settings.client_dirs,
            floor_policy=settings.client_floor,
            lock_timeout_s=settings.lock_timeout_s,
            scratch_dir=scratch,
        ),
        clock,
    )
