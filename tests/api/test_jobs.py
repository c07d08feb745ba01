from __future__ import annotations

import time
from collections.abc import Callable
from threading import Timer

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Status
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Replace


@pytest.fixture
def job(services: Services, project: Project) -> Job:
    return services.jobs.request("test", JobKind.TEST, project.id, JobArguments())


@pytest.fixture
def finish(services: Services, job: Job) -> Callable[[], None]:
    def end() -> None:
        current = services.jobs.get(job.id)
        done = current.model_copy(update={"status": Status.COMPLETED, "result": {"tls": True}})
        services.ledger.catalog.commit([Replace(done)])

    return end


def test_a_job_is_shown_as_it_stands(client: httpx.Client, job: Job) -> None:
    shown = client.get(f"/v1/jobs/{job.id}").json()

    assert (shown["kind"], shown["status"], shown["result"]) == ("test", "pending", None)


def test_waiting_answers_as_soon_as_the_job_has_ended(
    client: httpx.Client, job: Job, finish: Callable[[], None]
) -> None:
    timer = Timer(0.2, finish)
    begin = time.monotonic()
    timer.start()

    shown = client.get(f"/v1/jobs/{job.id}", params={"wait": 20}).json()

    timer.join()
    assert (shown["status"], shown["result"]) == ("completed", {"tls": True})
    assert time.monotonic() - begin < 10


def test_waiting_ends_with_its_seconds(client: httpx.Client, job: Job) -> None:
    begin = time.monotonic()

    shown = client.get(f"/v1/jobs/{job.id}", params={"wait": 0.3}).json()

    assert shown["status"] == "pending"
    assert 0.3 <= time.monotonic() - begin < 10


@pytest.mark.embedded_only  # refused before anything is stored
@pytest.mark.parametrize("wait", ["-1", "20.1", "nan", "inf", "long", "", "1e400"])
def test_a_wait_that_cannot_be_is_refused(client: httpx.Client, job: Job, wait: str) -> None:
    answer = client.get(f"/v1/jobs/{job.id}", params={"wait": wait})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "wait")
