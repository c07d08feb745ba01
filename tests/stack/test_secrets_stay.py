"""No secret is found outside the place made for it: not in records, objects, notices, executions,
logs, output or traces, whether a backup goes well or ends in an error that knows the secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from aws_xray_sdk import core

from chalicelib import observability
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.connection import Connection
from chalicelib.domain.execution import Work
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.local.postgres import LocalPostgres
from chalicelib.postgres_ports import Watch
from chalicelib.worker.__main__ import outcome
from tests.support.ministack import Ministack, ministack_of
from tests.support.places import Places, subscribed
from tests.support.seaweedfs import WORKER
from tests.support.stack import Stack, serving
from tests.support.waiting import PATIENCE_S
from tests.support.world import ScriptedEngine

RECORDER: Any = core.xray_recorder  # the SDK has no types
ON_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "holdfast-dev-worker"}
PASSWORD = "canary-password-7d1f"
STEPS = ["prepare", "dump", "verify", "seal", "complete"]


class Collector:
    """Be an emitter that keeps what would go to X-Ray."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send_entity(self, entity: Any) -> None:
        self.sent.append(entity)

    def names(self) -> list[str]:
        return [part.name for segment in self.sent for part in segment.subsegments]

    def text(self) -> str:
        return "".join(segment.serialize() for segment in self.sent)


@pytest.fixture
def traces() -> Iterator[Collector]:
    """What is traced when this process takes itself for a Lambda function."""
    before, made = RECORDER.emitter, Collector()
    RECORDER.configure(emitter=made, sampling=False)
    observability.configure(ON_LAMBDA)
    RECORDER.begin_segment("test")
    yield made
    observability.configure({})
    RECORDER.clear_trace_entities()
    RECORDER.configure(emitter=before)


@pytest.fixture
def ministack(request: pytest.FixtureRequest) -> Ministack:
    return ministack_of(request.config)


def breaking(watch: Watch) -> None:
    watch.check()
    raise ValueError(f"postgresql://backup:{PASSWORD}@db.example.org/app")


def requested(aws: Stack) -> Backup:
    backup = aws.request()
    project = aws.services.projects.get(backup.project_id)
    aws.services.adapters.secrets.put(project.secret_name, PASSWORD)
    return backup


@pytest.fixture
def places(aws: Stack, ministack: Ministack) -> Places:
    return subscribed(aws, ministack)


def test_each_step_of_a_backup_is_a_span(aws: Stack, traces: Collector) -> None:
    backup = aws.request()

    aws.with_engine(ScriptedEngine()).backup_runner("worker-1").run(backup.id)

    RECORDER.end_segment()
    assert traces.names() == [f"backup.{step}" for step in STEPS]


def test_a_job_is_a_span(aws: Stack, traces: Collector) -> None:
    backup = aws.request()
    job = aws.services.jobs.request("test", JobKind.TEST, backup.project_id, JobArguments())

    aws.with_engine(ScriptedEngine()).job_runner("worker-1").run(job.id)

    RECORDER.end_segment()
    assert traces.names() == ["job.test"]


def test_a_step_that_breaks_ends_its_span_and_says_nothing_there(
    aws: Stack, traces: Collector
) -> None:
    backup = requested(aws)

    with pytest.raises(ValueError, match=PASSWORD):
        aws.with_engine(ScriptedEngine(during=breaking)).backup_runner("w").run(backup.id)

    RECORDER.end_segment()
    assert traces.names() == ["backup.prepare", "backup.dump"]
    assert PASSWORD not in traces.text()


def test_a_backup_and_its_download_leave_no_secret_anywhere(
    aws: Stack, places: Places, traces: Collector, capfd: pytest.CaptureFixture[str]
) -> None:
    backup = requested(aws)
    done = aws.with_engine(ScriptedEngine()).backup_runner("worker-1").run(backup.id)
    with serving(aws.services) as api:
        link = api.post(f"/v1/backups/{done.id}/links", json={}).raise_for_status().json()
        signed = httpx.get(link["url"]).headers["location"]
        key = api.headers["Authorization"].removeprefix("Bearer ")
    RECORDER.end_segment()

    found = places.text() + traces.text() + "".join(capfd.readouterr())

    secrets = [PASSWORD, link["token"].partition(".")[2], signed, key.split("_", 2)[2]]
    assert done.status is Status.COMPLETED
    assert backup.id in found
    assert [one for one in [*secrets, str(WORKER.secret_access_key)] if one in found] == []
    assert "X-Amz-Signature" not in found


def test_a_run_that_breaks_leaves_no_secret_anywhere(
    aws: Stack, places: Places, capfd: pytest.CaptureFixture[str]
) -> None:
    backup = requested(aws)
    runner = aws.with_engine(ScriptedEngine(during=breaking)).backup_runner("worker-1")

    exit_code = outcome(runner, backup.id)
    aws.services.sweeper.sweep()  # which sends the notices of a run that could not

    done = aws.services.backups.get(backup.id)
    found = places.text() + "".join(capfd.readouterr())
    assert done.error is not None
    assert (exit_code, done.status, done.error.code) == (1, Status.FAILED, "internal")
    assert "builtins.ValueError" in found
    assert PASSWORD not in found


@pytest.mark.postgres
def test_a_worker_that_fails_leaves_no_secret_anywhere(
    aws: Stack, places: Places, postgres18: LocalPostgres
) -> None:
    source = Connection(postgres18.connection().endpoint, PASSWORD)
    backup = aws.request(source)

    with aws.worker(Work.BACKUP, backup.id) as process:
        output, errors = process.communicate(timeout=PATIENCE_S)

    done = aws.services.backups.get(backup.id)
    found = places.text() + (output + errors).decode()
    assert done.error is not None
    assert done.error.code == "authentication_failed"
    assert "backup.failed" in found
    assert PASSWORD not in found
    assert str(WORKER.secret_access_key) not in found
