"""Promises of the restore worker as a process, over real PostgreSQL servers of both majors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Status
from chalicelib.domain.connection import Connection
from chalicelib.domain.execution import Work
from chalicelib.domain.restore import Restore, RestoreOptions, TargetState
from chalicelib.local.postgres import LocalPostgres
from chalicelib.services.restores import NewRestore
from tests.support.dumping import contents, execute, sessions_of_ours
from tests.support.stack import EMBEDDED, Stack, opened
from tests.support.waiting import PATIENCE_S, await_that

pytestmark = pytest.mark.postgres

WAY = ["prepare", "restore", "fetch", "preflight", "restore", "compare"]
SLOW = (
    (
        "CREATE FUNCTION slow(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN"
        " IF current_setting('application_name') LIKE 'holdfast %'"
        " THEN PERFORM pg_sleep(0.01); END IF; RETURN true; END $$"
    ),
    "CREATE TABLE big (g int CHECK (public.slow(g)))",
    "INSERT INTO big SELECT generate_series(1, 800)",
)


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    with opened(EMBEDDED, request.config, tmp_path) as made:
        yield made


@pytest.fixture
def services(stack: Stack) -> Services:
    return stack.services


@pytest.fixture
def source(postgres15: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    connection = database(postgres15)
    execute(connection, "CREATE TABLE orders AS SELECT generate_series(1, 500) n")
    return connection


@pytest.fixture
def target(postgres18: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    return database(postgres18)


def requested(stack: Stack, source: Connection, target: Connection, *, jobs: int = 1) -> Restore:
    """Back the source up, and ask for a restore into the target."""
    backup = stack.request(source)
    done = stack.services.backup_runner("test").run(backup.id)
    assert done.status is Status.COMPLETED
    new = NewRestore(backup.id, target, RestoreOptions(jobs=jobs))
    return stack.services.restores.request("test", new)


def is_loading(target: Connection) -> bool:
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE query LIKE 'COPY public.big%' AND state = 'active'"
    )
    endpoint = target.endpoint
    with psycopg.connect(
        host=endpoint.host,
        port=endpoint.port,
        dbname=endpoint.database,
        user=endpoint.user,
        password=target.password,
    ) as session:
        return session.execute(query).fetchone() != (0,)


def test_a_worker_takes_a_restore_to_completed(
    stack: Stack, services: Services, source: Connection, target: Connection
) -> None:
    restore = requested(stack, source, target, jobs=2)

    with stack.worker(Work.RESTORE, restore.id) as process:
        process.communicate(timeout=PATIENCE_S)

    done = services.restores.get(restore.id)
    assert process.returncode == 0
    assert (done.status, done.target_state) == (Status.COMPLETED, TargetState.RESTORED)
    assert contents(target) == contents(source)
    assert [one.name for one in done.steps] == WAY


def test_a_cancel_ends_a_restore_within_two_seconds(
    stack: Stack, services: Services, source: Connection, target: Connection
) -> None:
    execute(source, *SLOW)
    restore = requested(stack, source, target)

    with stack.worker(Work.RESTORE, restore.id) as process:
        await_that(lambda: is_loading(target))
        services.restores.cancel("test", restore.id)
        began = time.monotonic()
        await_that(lambda: services.restores.get(restore.id).status.is_terminal)
        took_s = time.monotonic() - began
        process.communicate(timeout=PATIENCE_S)

    done = services.restores.get(restore.id)
    assert (done.status, done.target_state) == (Status.CANCELLED, TargetState.PARTIAL)
    assert took_s < 2
    await_that(lambda: sessions_of_ours(target) == 0)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_workers_restore_is_swept_to_failed_and_leaves_nothing(
    stack: Stack, services: Services, source: Connection, target: Connection, jobs: int
) -> None:
    execute(source, *SLOW)
    restore = requested(stack, source, target, jobs=jobs)
    with stack.worker(Work.RESTORE, restore.id) as process:
        await_that(lambda: is_loading(target))
        process.kill()
    services.adapters.workflow.stop(Work.RESTORE, restore.id)

    services.sweeper.sweep()

    done = services.restores.get(restore.id)
    assert done.error is not None
    assert (done.error.code, done.target_state) == ("worker_lost", TargetState.PARTIAL)
    assert list(services.adapters.scratch.glob("restore-*")) == []
    await_that(lambda: sessions_of_ours(target) == 0)


def test_a_worker_that_is_asked_to_end_says_what_became_of_the_target(
    stack: Stack, services: Services, source: Connection, target: Connection
) -> None:
    execute(source, *SLOW)
    restore = requested(stack, source, target)

    with stack.worker(Work.RESTORE, restore.id) as process:
        await_that(lambda: is_loading(target))
        process.terminate()
        process.communicate(timeout=PATIENCE_S)

    done = services.restores.get(restore.id)
    assert done.error is not None
    assert done.error.code == "worker_lost"
    assert "partially restored" in done.error.message


def test_a_wrong_password_touches_nothing_and_is_never_repeated(
    stack: Stack, services: Services, source: Connection, target: Connection
) -> None:
    wrong = Connection(target.endpoint, "canary-wrong-98")
    restore = requested(stack, source, wrong)

    with stack.worker(Work.RESTORE, restore.id) as process:
        _, errors = process.communicate(timeout=PATIENCE_S)

    done = services.restores.get(restore.id)
    assert done.error is not None
    assert (done.error.code, done.target_state) == (
        "authentication_failed",
        TargetState.UNTOUCHED,
    )
    assert "canary" not in done.model_dump_json() + errors.decode()
