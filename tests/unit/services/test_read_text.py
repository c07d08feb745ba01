"""Texts beside a backup, as jobs over real adapters."""

from __future__ import annotations

import pytest

from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.object_keys import MANIFEST, RECOVERY, artefact_key
from chalicelib.domain.stored_text import MAX_TEXT_BYTES, StoredText
from tests.support.world import World


def completed(world: World) -> Backup:
    return world.run(world.request())


def read(world: World, backup: Backup, name: str) -> Job:
    arguments = JobArguments(backup_id=backup.id, artefact=name)
    job = world.services.jobs.request("key:1", JobKind.TEXT, backup.project_id, arguments)
    return world.services.job_runner("worker-1").run(job.id)


@pytest.mark.parametrize(
    ("name", "begins"), [(RECOVERY, "# How to get this data back"), (MANIFEST, "{")]
)
def test_a_text_is_shown_as_it_is_stored(world: World, name: str, begins: str) -> None:
    job = read(world, completed(world), name)

    found = StoredText.model_validate(job.result)
    assert found.text.startswith(begins)
    assert (found.is_cut, found.stored_bytes) == (False, len(found.text.encode()))


def test_a_long_text_is_cut_and_says_so(world: World) -> None:
    backup = completed(world)
    key = artefact_key(backup, RECOVERY)
    world.adapters.store.delete(key)
    world.adapters.store.put(key, "é".encode() * MAX_TEXT_BYTES, content_type="text/plain")

    found = StoredText.model_validate(read(world, backup, RECOVERY).result)

    assert (found.is_cut, len(found.text)) == (True, MAX_TEXT_BYTES // 2)


@pytest.mark.parametrize("name", ["database.dump", "../x", "", "proof.txt"])
def test_what_is_no_text_of_the_backup_is_refused(world: World, name: str) -> None:
    job = read(world, completed(world), name)

    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "invalid_request")


def test_a_text_that_is_gone_fails_the_job(world: World) -> None:
    backup = completed(world)
    world.adapters.store.delete(artefact_key(backup, RECOVERY))

    job = read(world, backup, RECOVERY)

    assert job.error is not None
    assert job.error.code == "integrity_failed"
