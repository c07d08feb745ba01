"""What the pages need besides a history: results of jobs, a channel, a link, things gone wrong.

All of it is made as people make it, and workers' code runs here; only the backup that never ends is
a record without a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pydantic import SecretStr

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, BackupOptions, Component, Status, Step
from chalicelib.domain.channel import Channel, ChannelKind
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.progress import Progress
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Put
from chalicelib.domain.restore import Restore, RestoreOptions, confirmation_of
from chalicelib.domain.run_steps import StepBegun
from chalicelib.domain.schedule import Schedule
from chalicelib.domain.stored_text import texts_of
from chalicelib.domain.supabase import Reached, SupabaseSettings
from chalicelib.domain.supabase_url import direct_endpoint
from chalicelib.services.backups import BackupChanges, NewBackup
from chalicelib.services.channels import NewChannel
from chalicelib.services.links import NewLink
from chalicelib.services.projects import NewProject
from chalicelib.services.restores import NewRestore
from tests.support.receiver import receiver

ACTOR: Final = "screenshots"
TABLE: Final = "shop.customers"
REF: Final = "abcdefghijklmnopqrst"


@dataclass(frozen=True)
class Cast:
    """Hold what must have happened: backups of a shop, one of them proven, and a restore."""

    shop: Project
    schedule: Schedule
    proven: Backup
    other: Backup
    restore: Restore


@dataclass(frozen=True)
class Stage:
    """Hold a service that is being looked at, and the ids that paths of pages name."""

    services: Services
    names: Mapping[str, str]

    def work(self, job: Job) -> str:
        """Do a job as a worker does, and return its id."""
        self.services.job_runner(ACTOR).run(job.id)
        return job.id

    def job(self, kind: JobKind, project: Project, **arguments: Any) -> str:
        """Have a job done for a project."""
        asked = JobArguments(**arguments)
        return self.work(self.services.jobs.request(ACTOR, kind, project.id, asked))


@contextmanager
def furnished(services: Services, cast: Cast) -> Iterator[Stage]:
    """Make what the pages need, and keep what they talk to running."""
    empty = Stage(services, {})
    with receiver() as messenger:
        names = {
            **_told(empty, messenger.url()),
            **_of_cast(empty, cast),
            **_gone_wrong(empty),
            **_asked_of_workers(empty, cast),
            "running": _running(services, cast.shop).id,
            "supabase": _supabase(services).id,
            "token": services.links.create(ACTOR, cast.proven, NewLink(max_uses=3))[1],
        }
        services.notice_runner().run("")
        yield Stage(services, names)


def _of_cast(stage: Stage, cast: Cast) -> dict[str, str]:
    changes = {"no_owner": True, "confirmation": confirmation_of(cast.shop.endpoint)}
    dropping = RestoreOptions(clean=True, **changes)
    stage.services.backups.update(ACTOR, cast.other.id, BackupChanges(locked=True))
    return {
        "shop": cast.shop.id,
        "schedule": cast.schedule.id,
        "proven": cast.proven.id,
        "restore": cast.restore.id,
        "preflight": _preflight(stage, cast, dropping),
        "refused_preflight": _preflight(stage, cast, RestoreOptions()),
    }


def _preflight(stage: Stage, cast: Cast, options: RestoreOptions) -> str:
    new = NewRestore(cast.proven.id, cast.shop.id, options)
    return stage.work(stage.services.restores.preflight(ACTOR, new))


def _asked_of_workers(stage: Stage, cast: Cast) -> dict[str, str]:
    backup = {"backup_id": cast.proven.id}
    report = next(name for name in texts_of(cast.proven) if name.endswith(".txt"))
    return {
        "contents": stage.job(JobKind.CONTENTS, cast.shop, **backup),
        "rows": stage.job(JobKind.ROWS, cast.shop, **backup, table=TABLE, limit=20),
        "proof": stage.job(JobKind.TEXT, cast.shop, **backup, artefact=report),
        "test": stage.job(JobKind.TEST, cast.shop),
        "estimate": stage.job(JobKind.ESTIMATE, cast.shop, options=BackupOptions()),
    }


def _gone_wrong(stage: Stage) -> dict[str, str]:
    # nobody listens on port 1
    nowhere = Connection(Endpoint(host="127.0.0.1", port=1, database="warehouse"))
    new = NewProject("Warehouse", nowhere, {})
    project = stage.services.projects.create(ACTOR, new)
    asked = NewBackup(project.id, BackupOptions(), "before the move")
    backup = stage.services.backups.request(ACTOR, asked)
    stage.services.backup_runner(ACTOR).run(backup.id)
    return {
        "lost": project.id,
        "lost_test": stage.job(JobKind.TEST, project),
        "failed": backup.id,
    }


def _told(stage: Stage, url: str) -> dict[str, str]:
    channel = _channel(stage.services, "Somebody awake", url)
    silent = _channel(stage.services, "The old pager", "http://127.0.0.1:1/pager")
    test = stage.services.channels.test
    return {
        "channel": channel.id,
        "channel_test": stage.work(test(ACTOR, channel.id)),
        "silent": silent.id,
        "silent_test": stage.work(test(ACTOR, silent.id)),
    }


def _channel(services: Services, name: str, url: str) -> Channel:
    new = NewChannel(name, ChannelKind.WEBHOOK, SecretStr(url))
    return services.channels.create(ACTOR, new)[0]


def _running(services: Services, project: Project) -> Backup:
    now = services.ledger.clock.now()
    started = now - timedelta(seconds=48)
    backup = Backup(
        id=services.ledger.ids.new(),
        project_id=project.id,
        name=f"{project.name}, by hand",
        options=BackupOptions(components=(Component.DATABASE,)),
        requested_by=ACTOR,
        created_at=now - timedelta(seconds=50),
        started_at=started,
        steps=(
            StepBegun(step=Step.PREPARE, attempt=0, began_at=started),
            StepBegun(step=Step.DUMP, attempt=1, began_at=started + timedelta(seconds=1)),
        ),
        status=Status.IN_PROGRESS,
        step=Step.DUMP,
        attempt=1,
    )
    progress = Progress(
        id=backup.id,
        phase="dump",
        raw_bytes_done=61_000_000,
        raw_bytes_total=104_000_000,
        stored_bytes=17_300_000,
        table="shop.orders",
        tables_done=4,
        tables_total=7,
        bytes_per_s=1_310_000.0,
        eta_s=33.0,
        at=now,
    )
    services.ledger.catalog.commit([Insert(backup), Put(progress)])
    return backup


def _supabase(services: Services) -> Project:
    settings = SupabaseSettings(ref=REF, reached=Reached.RESOLVED)
    place = Connection(direct_endpoint(REF))
    return services.projects.create(ACTOR, NewProject("App", place, {}, supabase=settings))
