"""Promises of the worker as a process, over a real PostgreSQL."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.connection import Connection
from chalicelib.domain.execution import Work
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.local.postgres import LocalPostgres
from tests.support.stack import SETS, Stack, opened
from tests.support.waiting import PATIENCE_S, await_that

pytestmark = pytest.mark.postgres


@pytest.fixture(params=SETS)
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """Give the service as its settings name it, once per set of adapters."""
    with opened(request.param, request.config, tmp_path) as made:
        yield made


@pytest.fixture
def services(stack: Stack) -> Services:
    return stack.services


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


def is_dumping(services: Services, backup: Backup) -> Callable[[], bool]:
    return lambda: services.backups.get(backup.id).attempt == 1


def bytes_flow(services: Services, backup: Backup) -> Callable[[], bool]:
    def flow() -> bool:
        progress = services.backups.progress(backup.id)
        return progress is not None and progress.raw_bytes_done > 0

    return flow


def test_a_worker_takes_a_backup_to_completed(
    stack: Stack, services: Services, source: Connection
) -> None:
    backup = stack.request(source)

    with stack.worker(Work.BACKUP, backup.id) as process:
        process.communicate(timeout=PATIENCE_S)

    done = services.backups.get(backup.id)
    assert process.returncode == 0
    assert (done.status, done.validated, done.rows) == (Status.COMPLETED, True, 300_000)


def test_a_worker_that_is_asked_to_end_leaves_a_failed_record_and_nothing_else(
    stack: Stack, services: Services, source: Connection
) -> None:
    backup = stack.request(source, compression="bzip2")

    with stack.worker(Work.BACKUP, backup.id) as process:
        await_that(is_dumping(services, backup))
        process.terminate()
        process.communicate(timeout=PATIENCE_S)

    done = services.backups.get(backup.id)
    assert done.error is not None
    assert (done.status, done.error.code, stack.leftovers()) == (Status.FAILED, "worker_lost", [])


def test_a_killed_workers_pg_dump_dies_with_it(
    stack: Stack, services: Services, source: Connection
) -> None:
    backup = stack.request(source, compression="bzip2")

    with stack.worker(Work.BACKUP, backup.id) as process:
        await_that(is_dumping(services, backup))
        await_that(lambda: bool(children_of(process.pid)))
        children = children_of(process.pid)
        process.send_signal(signal.SIGKILL)

    await_that(lambda: not any(is_running(child) for child in children))


def test_a_killed_workers_backup_is_swept_to_failed(
    stack: Stack, services: Services, source: Connection
) -> None:
    backup = stack.request(source, compression="bzip2")
    with stack.worker(Work.BACKUP, backup.id) as process:
        await_that(bytes_flow(services, backup))
        process.kill()
    services.adapters.workflow.stop(Work.BACKUP, backup.id)

    services.sweeper.sweep()

    done = services.backups.get(backup.id)
    assert done.error is not None
    assert (done.error.code, stack.leftovers()) == ("worker_lost", [])


def test_a_cancel_ends_the_dump_within_two_seconds(
    stack: Stack, services: Services, source: Connection
) -> None:
    backup = stack.request(source, compression="bzip2")

    with stack.worker(Work.BACKUP, backup.id) as process:
        await_that(bytes_flow(services, backup))
        services.backups.cancel("test", backup.id)
        began = time.monotonic()
        await_that(lambda: services.backups.get(backup.id).status.is_terminal)
        took_s = time.monotonic() - began
        process.communicate(timeout=PATIENCE_S)

    assert services.backups.get(backup.id).status is Status.CANCELLED
    assert (took_s < 2, stack.leftovers()) == (True, [])


def test_two_workers_with_one_backup_make_one_backup(
    stack: Stack, services: Services, source: Connection
) -> None:
    backup = stack.request(source)

    with stack.worker(Work.BACKUP, backup.id) as one, stack.worker(Work.BACKUP, backup.id) as two:
        one.communicate(timeout=PATIENCE_S)
        two.communicate(timeout=PATIENCE_S)

    done = services.backups.get(backup.id)
    assert (done.status, done.attempt) == (Status.COMPLETED, 1)
    assert len(stack.leftovers()) == 3


def test_a_wrong_password_is_told_and_never_repeated(
    stack: Stack, services: Services, source: Connection
) -> None:
    backup = stack.request(Connection(source.endpoint, "canary-wrong-99"))

    with stack.worker(Work.BACKUP, backup.id) as process:
        _, errors = process.communicate(timeout=PATIENCE_S)

    done = services.backups.get(backup.id)
    assert done.error is not None
    assert done.error.code == "authentication_failed"
    assert "canary" not in done.model_dump_json() + errors.decode()


def test_a_worker_answers_a_test_job(stack: Stack, services: Services, source: Connection) -> None:
    backup = stack.request(source)
    job = services.jobs.request("test", JobKind.TEST, backup.project_id, JobArguments())

    with stack.worker(Work.JOB, job.id) as process:
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
