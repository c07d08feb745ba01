"""Contents and rows of completed backups, as jobs over real adapters."""

from __future__ import annotations

import pytest

from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.contents import MAX_RESULT_BYTES
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.object_keys import MANIFEST, artefact_key
from chalicelib.engine.archive.digests import digest_archive
from chalicelib.services.seal import Seal
from tests.support.archives import Entry, Writer, small_archive
from tests.support.world import World


def completed(world: World, **options: object) -> Backup:
    done = world.run(world.request(**options))
    assert done.status is Status.COMPLETED
    return done


def looked(world: World, kind: JobKind, backup: Backup, **arguments: object) -> Job:
    given = JobArguments.model_validate({"backup_id": backup.id, **arguments})
    job = world.services.jobs.request("key:1", kind, backup.project_id, given)
    return world.services.job_runner("worker-1").run(job.id)


def result(job: Job) -> dict[str, object]:
    assert job.error is None
    assert job.result is not None
    return job.result


@pytest.fixture
def archived(world: World) -> Backup:
    """A backup whose dump is an archive without offsets, as a dump into a pipe is."""
    made = small_archive(Writer(located=False))
    world.engine.content = made.data
    world.engine.blocks = digest_archive(made.chunks()).blocks
    return completed(world)


def test_the_manifest_holds_the_digests_of_the_full_read(world: World, archived: Backup) -> None:
    manifest = Seal(world.adapters.store, world.adapters.signer).manifest(archived)

    assert manifest.blocks == world.engine.blocks
    assert [key for key in world.leftovers() if "blocks" in key or "counts" in key] == []


def test_contents_are_listed_with_sizes(world: World, archived: Backup) -> None:
    found = result(looked(world, JobKind.CONTENTS, archived))

    assert (found["database"], found["sizes_from"], found["left_out"]) == ("shop", "manifest", 0)
    schemas = found["schemas"]
    assert isinstance(schemas, list)
    assert [(one["name"], one["rows"]) for one in schemas[0]["objects"]] == [
        ("people", 3),
        ("empty", 0),
    ]


def test_rows_are_shown(world: World, archived: Backup) -> None:
    found = result(looked(world, JobKind.ROWS, archived, table="public.people", limit=2))

    assert found["columns"] == ["id", "name"]
    assert (found["rows"], found["is_all"]) == ([["1", "ann"], ["2", None]], False)


def test_a_table_that_is_not_there_fails_the_job(world: World, archived: Backup) -> None:
    job = looked(world, JobKind.ROWS, archived, table="public.nobody", limit=2)

    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "not_found")


@pytest.mark.parametrize("kind", [JobKind.CONTENTS, JobKind.ROWS])
def test_a_plain_dump_is_unsupported(world: World, kind: JobKind) -> None:
    job = looked(world, kind, completed(world, format="plain"), table="public.people")

    assert job.error is not None
    assert job.error.code == "unsupported"
    assert "custom" in job.error.hint


def test_a_backup_that_is_not_completed_is_refused(world: World) -> None:
    job = looked(world, JobKind.CONTENTS, world.request())

    assert job.error is not None
    assert job.error.code == "invalid_request"


def damage(world: World, key: str, data: bytes) -> None:
    """Replace what is stored, as somebody with access to the store could."""
    store = world.adapters.store
    store.delete(key)
    store.put(key, data, content_type="application/json")


def test_a_manifest_that_is_another_is_integrity_failed(world: World, archived: Backup) -> None:
    key = artefact_key(archived, MANIFEST)
    envelope = b"".join(world.adapters.store.read(key))
    damage(world, key, envelope.replace(b"people", b"peoplx"))

    job = looked(world, JobKind.CONTENTS, archived)

    assert job.error is not None
    assert job.error.code == "integrity_failed"


def test_a_dump_of_another_size_is_integrity_failed(world: World, archived: Backup) -> None:
    damage(world, archived.artefacts[0].key, world.engine.content[:-1])

    job = looked(world, JobKind.ROWS, archived, table="public.people", limit=1)

    assert job.error is not None
    assert (job.error.code, "bytes" in job.error.message) == ("integrity_failed", True)


def test_contents_of_very_many_tables_fit_into_a_record(world: World) -> None:
    entries = [Entry(n, f"table_{n}", "TABLE") for n in range(1, 5000)]
    world.engine.content = Writer().archive(*entries).data

    job = looked(world, JobKind.CONTENTS, completed(world))

    left_out = result(job)["left_out"]
    assert isinstance(left_out, int)
    assert left_out > 1000
    assert len(job.model_dump_json()) < MAX_RESULT_BYTES + 4096
