"""Make every use case from adapters, each on its first use."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import cache, cached_property
from random import random as chance

from chalicelib.bootstrap.adapters import Adapters, aws_adapters, embedded_adapters
from chalicelib.bootstrap.hosting import hosting_platform
from chalicelib.bootstrap.messengers import chosen, heartbeat, place_of
from chalicelib.bootstrap.platforms import locating, platform_test
from chalicelib.bootstrap.stores import remote_link_signer
from chalicelib.domain.demo_mark import DEMO, DemoMark
from chalicelib.domain.errors import NotFound
from chalicelib.domain.job import Job
from chalicelib.domain.public_hosts import check_public_endpoint
from chalicelib.domain.rate_limit import Limit
from chalicelib.domain.restore import Preflight
from chalicelib.observability import configure, measure, span
from chalicelib.ports import Redeemer
from chalicelib.postgres_ports import Watch
from chalicelib.services.access import OPERATOR, Access
from chalicelib.services.audit_log import AuditLog
from chalicelib.services.backups import Backups
from chalicelib.services.channels import Channels, ChannelTest
from chalicelib.services.courier import Courier
from chalicelib.services.deletions import Deletions
from chalicelib.services.deliver_notices import NoticeRunner
from chalicelib.services.due_runs import DueRuns
from chalicelib.services.fetch_artefacts import Fetching, free_bytes_of
from chalicelib.services.figures import Figures
from chalicelib.services.gate import Gates
from chalicelib.services.gauges import Gauges
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
from chalicelib.services.retention.preview import Retention
from chalicelib.services.retention.rounds import RetentionRounds
from chalicelib.services.retention.run import RetentionRun
from chalicelib.services.run_backup import BackupRunner, Deadlines
from chalicelib.services.run_job import JobRunner
from chalicelib.services.run_restore import RestoreDeadlines, RestoreRunner
from chalicelib.services.schedule_entries import ScheduleEntries
from chalicelib.services.schedules import Schedules
from chalicelib.services.sessions import Sessions
from chalicelib.services.settle_runs import RunSettler
from chalicelib.services.stats import Stats
from chalicelib.services.sweep_schedules import ScheduleSweep
from chalicelib.services.sweeper import Sweeper
from chalicelib.services.trusted_backup import TrustedBackups
from chalicelib.services.watch_sweeps import SweepWatch
from chalicelib.settings import Settings, process_environment


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
    def is_demo(self) -> bool:
        """Whether all that is kept here was made to show the service; asked for once."""
        try:
            self.ledger.catalog.get(DemoMark, DEMO)
        except NotFound:
            return False
        return True

    @cached_property
    def access(self) -> Access:
        """The keys."""
        return Access(self.ledger, self._operator_token)

    @cached_property
    def sessions(self) -> Sessions:
        """The sessions of browsers."""
        return Sessions(self.ledger, self.access)

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
        secrets = self.adapters.secrets
        return Projects(self.ledger, secrets, check, locating(self.settings, secrets))

    @cached_property
    def backups(self) -> Backups:
        """The backups."""
        return Backups(self.ledger, self.adapters.workflow, self.adapters.store)

    @cached_property
    def gates(self) -> Gates:
        """The gate before migrations."""
        return Gates(self.ledger, self.backups)

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
        return Outbox(self.ledger, self.adapters.notifier, self.courier)

    @cached_property
    def courier(self) -> Courier:
        """What brings notices to channels."""
        adapters = self.adapters
        return Courier(self.ledger, adapters.secrets, chosen(adapters.messengers), chance)

    @cached_property
    def channels(self) -> Channels:
        """The channels."""
        place = place_of(self.settings)
        return Channels(self.ledger, self.adapters.secrets, self.jobs, place)

    @cached_property
    def schedules(self) -> Schedules:
        """The schedules."""
        return Schedules(self.ledger, self.backups, self._schedule_entries)

    @cached_property
    def due_runs(self) -> DueRuns:
        """The runs that schedules expect."""
        grace = timedelta(seconds=self.settings.schedule_grace_s)
        settler = RunSettler(self.ledger, self.backups, grace)
        return DueRuns(self.ledger, self.adapters.workflow, settler, self._schedule_entries)

    @property
    def _schedule_entries(self) -> ScheduleEntries:
        return ScheduleEntries(self.adapters.scheduler)

    @cached_property
    def stats(self) -> Stats:
        """The statistics."""
        return Stats(self.ledger)

    @cached_property
    def gauges(self) -> Gauges:
        """How things stand now."""
        return Gauges(self.ledger, self.stats)

    @cached_property
    def audit_log(self) -> AuditLog:
        """What was done."""
        return AuditLog(self.adapters.catalog)

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
            ScheduleSweep(self.ledger, self.due_runs, self._schedule_entries),
            RetentionRounds(self.ledger, RetentionRun(self.ledger, Deletions(self.backups))),
            SweepWatch(self.ledger, self.gauges, heartbeat(self.settings, adapters.clock)),
        )

    @cached_property
    def retention(self) -> Retention:
        """What retention would do."""
        return Retention(self.ledger)

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
            platform=cache(lambda: hosting_platform(adapters.secrets)),
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
            channel_test=ChannelTest(self.ledger, self.courier).run,
            platform_test=platform_test(self.settings, self.adapters, self.projects),
        )

    def notice_runner(self) -> NoticeRunner:
        """Return what delivers notices."""
        return NoticeRunner(self.outbox, self.courier)

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
        check = RestorePreflight(self._restore_sources, adapters.restorer())
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


def of_this_process() -> Services:
    """Build the services that the environment of this process asks for, and set up its log."""
    environment = process_environment()
    configure(environment)
    return build(Settings.read(environment))


def embedded(settings: Settings, *, operator_token: str | None = None) -> Services:
    """Build the services of one machine over the data folder of the settings."""
    return Services(settings, embedded_adapters(settings), operator_token=operator_token)
