"""Promises of the worker as a process, over a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from chalicelib.bootstrap import Services, embedded
from chalicelib.domain.backup import Backup, BackupOptions, Status
from chalicelib.domain.connection import Connection
from chalicelib.domain.execution import Work
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.local.postgres import LocalPostgres
from chalicelib.services.backups import NewBackup
from chalicelib.services.projects import NewProject
from chalicelib.settings import Settings

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0

pytestmark = pytest.mark.postgres


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """Give the embedded service over a folder of the test."""
    return embedded(Settings(data=tmp_path))


@pytest.fixture
def source(postgres18: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    """Give a database with a table that takes a moment to dump."""
    connection = database(postgres18)
    with psycopg.connect(postgres18.url(connection.endpoint.database), autocommit=True) as session:
        session.execute(
            "CREATE TABLE orders AS"
            " SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, 300000) AS n"
        )
    return connection


def requested(services: Services, source: Connection, **options: object) -> Backup:
    project = services.projects.create("test", NewProject("shop", source, {}))
    new = NewBackup(project.id, BackupOptions.model_validate(options))
    return services.backups.request("test", new)


def worker(services: Services, work: str, work_id: str) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.defpath, **services.settings.to_environment()}
    command = [sys.executable, "-m", "chalicelib.worker", work, work_id]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)


def await_that(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        threading.Event().wait(0.01)


def is_dumping(services: Services, backup: Backup) -> Callable[[], bool]:
    return lambda: services.backups.get(backup.id).attempt == 1


def leftovers(services: Services) -> list[str]:
    store = services.adapters.store
    return [*store.keys(""), *(upload.key for upload in store.uploads(""))]


def test_a_worker_takes_a_backup_to_completed(services: Services, source: Connection) -> None:
    backup = requested(services, source)

    with worker(services, "backup", backup.id) as process:
        process.communicate(timeout=PATIENCE_S)

    done = services.backups.get(backup.id)
    assert process.returncode == 0
    assert (done.status, done.validated, done.rows) == (Status.COMPLETED, True, 300_000)


def test_a_worker_that_is_asked_to_end_leaves_a_failed_record_and_nothing_else(
    services: Services, source: Connection
) -> None:
    backup = requested(services, source, compression="bzip2")

    with worker(services, "backup", backup.id) as process:
        await_that(is_dumping(services, backup))
        process.terminate()
        process.communicate(timeout=PATIENCE_S)

    done = services.backups.get(backup.id)
    assert done.error is not None
    assert (done.status, done.error.code, leftovers(services)) == (Status.FAILED, "worker_lost", [])


def test_a_killed_workers_pg_dump_dies_with_it(services: Services, source: Connection) -> None:
    backup = requested(services, source, compression="bzip2")

    with worker(services, "backup", backup.id) as process:
        await_that(is_dumping(services, backup))
        await_that(lambda: bool(children_of(process.pid)))
        children = children_of(process.pid)
        process.send_signal(signal.SIGKILL)

    await_that(lambda: not any(is_running(child) for child in children))


def test_a_killed_workers_backup_is_swept_to_failed(services: Services, source: Connection) -> None:
    backup = requested(services, source, compression="bzip2")
    with worker(services, "backup", backup.id) as process:
        await_that(is_dumping(services, backup))
        process.kill()
    services.adapters.workflow.stop(Work.BACKUP, backup.id)

    services.sweeper.sweep()

    done = services.backups.get(backup.id)
    assert done.error is not None
    assert (done.error.code, leftovers(services)) == ("worker_lost", [])


def test_a_cancel_ends_the_dump_within_two_seconds(services: Services, source: Connection) -> None:
    backup = requested(services, source, compression="bzip2")

    with worker(services, "backup", backup.id) as process:
        await_that(is_dumping(services, backup))
        services.backups.cancel("test", backup.id)
        began = time.monotonic()
        await_that(lambda: services.backups.get(backup.id).status.is_terminal)
        took_s = time.monotonic() - began
        process.communicate(timeout=PATIENCE_S)

    assert services.backups.get(backup.id).status is Status.CANCELLED
    assert (took_s < 2, leftovers(services)) == (True, [])


def test_two_workers_with_one_backup_make_one_backup(
    services: Services, source: Connection
) -> None:
    backup = requested(services, source)

    with worker(services, "backup", backup.id) as one, worker(services, "backup", backup.id) as two:
        one.communicate(timeout=PATIENCE_S)
        two.communicate(timeout=PATIENCE_S)

    done = services.backups.get(backup.id)
    assert (done.status, done.attempt) == (Status.COMPLETED, 1)
    assert len(leftovers(services)) == 3


def test_a_wrong_password_is_told_and_never_repeated(
    services: Services, source: Connection
) -> None:
    backup = requested(services, Connection(source.endpoint, "canary-wrong-99"))

    with worker(services, "backup", backup.id) as process:
        _, errors = process.communicate(timeout=PATIENCE_S)

    done = services.backups.get(backup.id)
    assert done.error is not None
    assert done.error.code == "authentication_failed"
    assert "canary" not in done.model_dump_json() + errors.decode()


def test_a_worker_answers_a_test_job(services: Services, source: Connection) -> None:
    backup = requested(services, source)
    job = services.jobs.request("test", JobKind.TEST, backup.project_id, JobArguments())

    with worker(services, "job", job.id) as process:
        process.communicate(timeout=PATIENCE_S)

    done = services.jobs.get(job.id)
    assert done.result is not None
    assert done.result["server_version"].startswith("18.")


def children_of(pid: int) -> list[int]:
    """Return the processes whose parent this is, as /proc knows them."""
    tasks = Path(f"/proc/{pid}/task")
    return [
        int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()
    ]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
