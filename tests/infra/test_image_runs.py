"""The built image under Lambda's own emulator: read-only, as an unknown user, without /dev/shm.

PostgreSQL and S3 (SeaweedFS) are real; DynamoDB, KMS and the rest are ministack's. What differs
from Lambda: the emulator's network is this machine's, and memory is not limited.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib.domain.backup import Asked, Status, Step, VerificationLevel
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.restore import RestoreOptions, RestoreStep
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.services.restores import NewRestore
from chalicelib.worker.steps import MARGIN_S
from tests.support.built_image import UNKNOWN_USER, Image, image_of
from tests.support.dumping import contents
from tests.support.majors import programs_of
from tests.support.servers import free_ports
from tests.support.stack import AWS, Stack, opened

MAJOR = 17
"""What the image holds the programs of."""
LARGEST_BYTES = 450_000_000

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]

LOOK = """
import json, os, pwd, pathlib
def known():
    try: pwd.getpwuid(os.getuid())
    except KeyError: return False
    return True
def writable(path):
    try: pathlib.Path(path, 'probe').touch()
    except OSError: return False
    return True
print(json.dumps({'uid': os.getuid(), 'known': known(), 'shm': os.path.exists('/dev/shm'),
  'task': writable('/var/task'), 'root': writable('/'), 'tmp': writable('/tmp')}))
"""


@pytest.fixture
def image(request: pytest.FixtureRequest) -> Image:
    return image_of(request.config)


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path, image: Image) -> Iterator[Stack]:
    with opened(AWS, request.config, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def postgres17() -> Iterator[LocalPostgres]:
    with LocalPostgres(programs_of(MAJOR), LocalSettings(durable=False)) as server:
        yield server


@pytest.fixture
def source(postgres17: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    connection = database(postgres17)
    with psycopg.connect(postgres17.url(connection.endpoint.database), autocommit=True) as session:
        session.execute(
            "CREATE TABLE orders AS SELECT n, md5(n::text) FROM generate_series(1, 5000) n"
        )
    return connection


def environment(stack: Stack) -> dict[str, str]:
    return {**stack.services.settings.to_environment(), **stack.credentials}


def event(work: str, work_id: str, step: str, **more: object) -> dict[str, object]:
    return {"work": work, "id": work_id, "step": step, "owner": "execution-1", **more}


def caught(failed: dict[str, Any]) -> dict[str, object]:
    """Return what a state machine makes of a failure that Lambda tells."""
    return {"Error": failed["errorType"], "Cause": json.dumps(failed)}


def test_the_root_is_what_lambda_gives(image: Image) -> None:
    process = image.run(["/opt/holdfast/bin/python3", "-c", LOOK])
    said, _ = process.communicate(timeout=30)

    assert json.loads(said) == {
        "uid": UNKNOWN_USER,
        "known": False,
        "shm": False,
        "task": False,
        "root": False,
        "tmp": True,
    }


def test_the_image_is_not_larger_than_promised(image: Image) -> None:
    files = [path for path in image.root.rglob("*") if path.is_file() and not path.is_symlink()]

    assert sum(path.stat().st_size for path in files) <= LARGEST_BYTES


def test_a_backup_is_dumped_verified_proven_and_restored_by_events(
    image: Image,
    stack: Stack,
    source: Connection,
    postgres17: LocalPostgres,
    database: Callable[..., Connection],
) -> None:
    target = database(postgres17)
    backup = stack.request(source, verification=Asked.PROOF)

    with image.function(environment(stack)) as function:
        answers = [function.answer(event("backup", backup.id, step)) for step in Step]
        done = stack.services.backups.get(backup.id)
        new = NewRestore(backup.id, target, RestoreOptions())
        restore = stack.services.restores.request("test", new)
        answers += [function.answer(event("restore", restore.id, step)) for step in RestoreStep]

    assert [answer.get("errorType") for answer in answers] == [None] * len(answers), answers
    assert (done.status, done.rows) == (Status.COMPLETED, 5000)
    assert done.verification is not None
    assert (done.verification.level, done.verification.reasons) == (VerificationLevel.PROOF, ())
    assert stack.services.restores.get(restore.id).status is Status.COMPLETED
    assert contents(target) == contents(source)


def test_what_ends_a_step_is_told_under_its_name(image: Image, stack: Stack) -> None:
    nowhere = Endpoint(host="127.0.0.1", port=free_ports(1)[0], database="app")
    backup = stack.request(Connection(nowhere, "s3cret-canary-4f2a"))

    with image.function(environment(stack)) as function:
        failed = function.answer(event("backup", backup.id, "prepare"))
        function.answer(event("backup", backup.id, "fail", error=caught(failed)))

    ended = stack.services.backups.get(backup.id)
    assert ended.error is not None
    assert failed["errorType"] == "SourceUnreachable"
    assert (ended.status, ended.error.code) == (Status.FAILED, "source_unreachable")
    assert "canary" not in json.dumps(failed)


def test_a_step_ends_by_itself_before_its_function_is_ended(
    image: Image, stack: Stack, source: Connection, postgres17: LocalPostgres
) -> None:
    backup = stack.request(source)
    url = postgres17.url(source.endpoint.database)

    life_s = int(MARGIN_S) + 8
    with (
        image.function(environment(stack), timeout_s=life_s) as function,
        psycopg.connect(url) as held,
    ):
        held.execute("LOCK TABLE orders")
        function.answer(event("backup", backup.id, "prepare"))
        failed = function.answer(event("backup", backup.id, "dump"))
        function.answer(event("backup", backup.id, "fail", error=caught(failed)))

    ended = stack.services.backups.get(backup.id)
    assert failed["errorType"] == "DeadlineExceeded"
    assert (ended.error and ended.error.code, stack.leftovers()) == ("deadline_exceeded", [])


def test_a_function_that_lambda_ends_is_told_as_a_timeout(image: Image, stack: Stack) -> None:
    sleeper = "sleeping_function.handler"
    found: dict[str, Any] = environment(stack) | {"PYTHONPATH": "/var/task:/mnt"}

    with image.function(found, handler=sleeper, timeout_s=3) as function:
        said = function.call(event("backup", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "dump"))

    assert "Task timed out after 3.00 seconds" in said


def test_the_worker_tells_what_it_holds(image: Image, stack: Stack) -> None:
    with image.function(environment(stack)) as function:
        said = function.answer({"work": "look"})

    (client,) = json.loads(said["clients"])
    assert client["version"].startswith(f"{MAJOR}.")
    assert (client["has_tls"], client["has_zstd"]) == (True, True)
