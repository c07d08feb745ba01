"""The definitions as ministack runs them, around our handler and Amazon's own runtime client.

PostgreSQL, S3 and signatures are real; Step Functions and Lambda are ministack's. Between tries
there is a second instead of the jittered wait. Ministack knows no tasks: a function that runs the
container's command plays them. Nothing else of the definitions is changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from chalicelib.domain.backup import Asked, Backup, Status, VerificationLevel
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.restore import RestoreOptions
from chalicelib.local.postgres import LocalPostgres
from chalicelib.services.restores import NewRestore
from tests.support.ministack import Ministack, ministack_of
from tests.support.servers import free_ports
from tests.support.stack import AWS, Stack, opened
from tests.support.worker_functions import (
    TASK_HANDLER,
    Execution,
    new_function,
    new_machine,
    run,
    runtime_client_is_here,
)

BREAKING_TASK = "tests.support.task_function.breaking"

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(not runtime_client_is_here(), reason="NOT TESTED: awslambdaric is missing"),
]


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    with opened(AWS, request.config, tmp_path) as made:
        yield made


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Ministack:
    return ministack_of(request.config)


@pytest.fixture
def source(postgres18: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    connection = database(postgres18)
    with psycopg.connect(postgres18.url(connection.endpoint.database), autocommit=True) as session:
        session.execute("CREATE TABLE orders AS SELECT n FROM generate_series(1, 1000) AS n")
    return connection


def execute(server: Ministack, stack: Stack, work: str, work_id: str) -> Execution:
    function = new_function(server, environment(stack))
    return run(server, new_machine(server, work, function), work, work_id)


def execute_by_task(server: Ministack, stack: Stack, work: str, work_id: str) -> Execution:
    function = new_function(server, environment(stack))
    task = new_function(server, environment(stack), handler=TASK_HANDLER)
    return run(server, new_machine(server, work, function, task), work, work_id)


def environment(stack: Stack) -> dict[str, str]:
    path = {"PATH": os.environ["PATH"]}  # noqa: TID251 - the function finds what we find
    return {**path, **stack.services.settings.to_environment(), **stack.credentials}


def backup_of(stack: Stack, backup: Backup) -> Backup:
    return stack.services.backups.get(backup.id)


def test_a_backup_passes_every_state_and_completes(
    server: Ministack, stack: Stack, source: Connection
) -> None:
    backup = stack.request(source)

    execution = execute(server, stack, "backup", backup.id)

    done = backup_of(stack, backup)
    assert (done.status, done.validated, done.rows) == (Status.COMPLETED, True, 1000), (
        execution.history
    )
    assert execution.status == "SUCCEEDED"
    steps = ("prepare", "route", "dump", "verify", "seal", "complete", "notify", "done")
    assert execution.states == steps


def test_what_may_pass_is_tried_again_and_then_recorded(server: Ministack, stack: Stack) -> None:
    nowhere = Endpoint(host="127.0.0.1", port=free_ports(1)[0], database="app")
    backup = stack.request(Connection(nowhere, "s3cret-canary-4f2a"))

    execution = execute(server, stack, "backup", backup.id)

    failed = backup_of(stack, backup)
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (Status.FAILED, "source_unreachable")
    assert execution.history.count("SourceUnreachable") >= 4
    assert (execution.status, execution.error) == ("FAILED", "SourceUnreachable")
    assert "canary" not in execution.history


def test_what_will_not_pass_ends_at_once(
    server: Ministack, stack: Stack, source: Connection
) -> None:
    backup = stack.request(Connection(source.endpoint, "wrong-canary-4f2a"))

    execution = execute(server, stack, "backup", backup.id)

    failed = backup_of(stack, backup)
    assert failed.error is not None
    assert failed.error.code == "authentication_failed"
    assert execution.states == ("prepare", "fail", "tell_failure", "failed")
    assert "canary" not in execution.history


def test_an_unknown_id_changes_nothing_and_fails(server: Ministack, stack: Stack) -> None:
    execution = execute(server, stack, "backup", "01ARZ3NDEKTSV4RRFFQ69G5FAV")

    assert (execution.status, execution.error) == ("FAILED", "NotFound")


def test_a_restore_passes_every_state_and_completes(
    server: Ministack,
    stack: Stack,
    source: Connection,
    postgres18: LocalPostgres,
    database: Callable[..., Connection],
) -> None:
    backup = stack.request(source)
    stack.services.backup_runner("worker-1").run(backup.id)
    new = NewRestore(backup.id, database(postgres18), RestoreOptions())
    restore = stack.services.restores.request("test", new)

    execution = execute(server, stack, "restore", restore.id)

    assert stack.services.restores.get(restore.id).status is Status.COMPLETED
    assert execution.states == ("prepare", "route", "restore", "notify", "done")


def test_a_job_is_run_and_its_result_kept(
    server: Ministack, stack: Stack, source: Connection
) -> None:
    project_id = stack.request(source).project_id
    job = stack.services.jobs.request("test", JobKind.TEST, project_id, JobArguments())

    execution = execute(server, stack, "job", job.id)

    assert stack.services.jobs.get(job.id).status is Status.COMPLETED
    assert execution.states == ("run", "route", "done")


def test_a_large_backup_is_made_by_a_task_from_its_dump_to_its_end(
    server: Ministack, stack: Stack, source: Connection
) -> None:
    backup = stack.request(source)

    execution = execute_by_task(server, stack, "backup", backup.id)

    assert backup_of(stack, backup).status is Status.COMPLETED, execution.history
    assert execution.states == ("prepare", "route", "task", "complete", "notify", "done")


def test_a_large_backup_is_restored_by_a_task(
    server: Ministack,
    stack: Stack,
    source: Connection,
    postgres18: LocalPostgres,
    database: Callable[..., Connection],
) -> None:
    backup = stack.request(source)
    stack.services.backup_runner("worker-1").run(backup.id)
    new = NewRestore(backup.id, database(postgres18), RestoreOptions())
    restore = stack.services.restores.request("test", new)

    execution = execute_by_task(server, stack, "restore", restore.id)

    assert stack.services.restores.get(restore.id).status is Status.COMPLETED, execution.history
    assert execution.states == ("prepare", "route", "task", "restore", "notify", "done")


def test_an_old_large_backup_is_proven_by_a_task(
    server: Ministack, stack: Stack, source: Connection
) -> None:
    backup = stack.request(source)
    stack.services.backup_runner("worker-1").run(backup.id)
    arguments = JobArguments(backup_id=backup.id, level=Asked.PROOF)
    job = stack.services.jobs.request("test", JobKind.VERIFY, backup.project_id, arguments)

    execution = execute_by_task(server, stack, "job", job.id)

    found = backup_of(stack, backup).verification
    assert found is not None
    assert (found.level, found.reasons) == (VerificationLevel.PROOF, ()), execution.history
    assert execution.states == ("run", "route", "task", "done")


def test_a_task_that_breaks_off_leaves_a_failed_job(
    server: Ministack, stack: Stack, source: Connection
) -> None:
    backup = stack.request(source)
    stack.services.backup_runner("worker-1").run(backup.id)
    arguments = JobArguments(backup_id=backup.id)
    job = stack.services.jobs.request("test", JobKind.VERIFY, backup.project_id, arguments)
    function = new_function(server, environment(stack))
    broken = new_function(server, environment(stack), handler=BREAKING_TASK)

    execution = run(server, new_machine(server, "job", function, broken), "job", job.id)

    ended = stack.services.jobs.get(job.id)
    assert ended.error is not None
    assert (ended.status, ended.error.code) == (Status.FAILED, "worker_lost")
    assert execution.states == ("run", "route", "task", "fail", "failed")


def test_a_function_that_runs_out_of_time_leaves_a_failed_backup(
    server: Ministack, stack: Stack, source: Connection
) -> None:
    backup = stack.request(source)
    settings = stack.services.settings.to_environment() | {"PATH": os.defpath}
    sleeper = "tests.support.sleeping_function.handler"
    function = new_function(server, {**settings, **stack.credentials}, handler=sleeper, timeout_s=8)

    execution = run(server, new_machine(server, "backup", function), "backup", backup.id)

    failed = backup_of(stack, backup)
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (Status.FAILED, "deadline_exceeded")
    assert execution.error == "Sandbox.Timedout"
