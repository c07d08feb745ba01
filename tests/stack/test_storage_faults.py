"""When AWS fails a backup: what passes costs nothing, what stays is told, and nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.errors import StorageFailed
from chalicelib.domain.execution import Work
from tests.support.ministack import Ministack, ministack_of
from tests.support.s3_faults import Act, Fault, FaultyS3, answer, lose_answer, refuse, reset
from tests.support.seaweedfs import WORKER, seaweedfs_of
from tests.support.stack import AWS, Stack, aws_settings, embedded_settings, opened_with
from tests.support.world import ScriptedEngine

ALWAYS = 1_000_000

PASSING_OF_S3: dict[str, tuple[str, Act]] = {
    "begin is lost": ("CreateMultipartUpload", lose_answer),
    "a part is lost": ("UploadPart", lose_answer),
    "a part is cut": ("UploadPart", reset),
    "slow down": ("UploadPart", answer(503, "SlowDown")),
    "complete is lost": ("CompleteMultipartUpload", lose_answer),
    "complete fails": ("CompleteMultipartUpload", answer(500, "InternalError")),
    "the seal is lost": ("PutObject", lose_answer),
    "reading fails": ("GetObject", answer(503, "ServiceUnavailable")),
}
PASSING_OF_OTHERS: dict[str, tuple[str, Act]] = {
    "the table is throttled": ("TransactWriteItems", refuse(400, "ThrottlingException")),
    "a commit is lost": ("TransactWriteItems", lose_answer),
    "a read is cut": ("GetItem", reset),
    "a word of progress is lost": ("UpdateItem", lose_answer),
    "a list is throttled": ("Query", refuse(400, "ProvisionedThroughputExceededException")),
}
STAYING: dict[str, tuple[str, Act, str]] = {
    "access denied": ("UploadPart", answer(403, "AccessDenied"), "refused"),
    "no right to begin": ("CreateMultipartUpload", answer(403, "AccessDenied"), "refused"),
    "no bucket": ("CreateMultipartUpload", answer(404, "NoSuchBucket"), "bucket"),
    "the key is disabled": ("CreateMultipartUpload", answer(400, "KMS.DisabledException"), "key"),
    "expired credentials": ("CompleteMultipartUpload", answer(400, "ExpiredToken"), "expired"),
    "no right to read": ("GetObject", answer(403, "AccessDenied"), "refused"),
    "no right to seal": ("PutObject", answer(403, "AccessDenied"), "refused"),
}


@dataclass(frozen=True)
class Troubled:
    """Hold a service whose ways to AWS go wrong where they are told to, and a sound one."""

    stack: Stack
    sound: Stack
    s3: FaultyS3
    others: FaultyS3

    def run(self) -> Backup:
        backup = self.sound.request()
        runner = self.stack.with_engine(ScriptedEngine()).backup_runner("worker-1")
        return runner.run(backup.id)


@pytest.fixture
def ministack(request: pytest.FixtureRequest) -> Ministack:
    return ministack_of(request.config)


@pytest.fixture
def troubled(
    request: pytest.FixtureRequest, ministack: Ministack, tmp_path: Path
) -> Iterator[Troubled]:
    settings = embedded_settings(tmp_path) | aws_settings(request.config)
    with ExitStack() as parts:
        s3 = parts.enter_context(FaultyS3(seaweedfs_of(request.config).port))
        others = parts.enter_context(FaultyS3(ministack.port))
        ways = {"HOLDFAST_S3_ENDPOINT": s3.endpoint, "HOLDFAST_AWS_ENDPOINT": others.endpoint}
        sound = parts.enter_context(opened_with(AWS, settings, WORKER))
        stack = parts.enter_context(opened_with(AWS, settings | ways, WORKER))
        yield Troubled(stack, sound, s3, others)


@pytest.mark.parametrize("case", PASSING_OF_S3)
def test_a_trouble_of_the_bucket_that_passes_costs_nothing(troubled: Troubled, case: str) -> None:
    operation, act = PASSING_OF_S3[case]
    fault = Fault(operation, act)
    troubled.s3.faults.append(fault)

    done = troubled.run()

    assert fault.times < 1, "the fault never struck"
    assert (done.status, done.attempt) == (Status.COMPLETED, 1)
    assert len(troubled.sound.leftovers()) == 3


@pytest.mark.parametrize("case", PASSING_OF_OTHERS)
def test_a_trouble_of_the_table_that_passes_costs_nothing(troubled: Troubled, case: str) -> None:
    operation, act = PASSING_OF_OTHERS[case]
    fault = Fault(operation, act, times=2)
    troubled.others.faults.append(fault)

    done = troubled.run()

    assert fault.times < 1, "the fault never struck"
    assert (done.status, done.attempt) == (Status.COMPLETED, 1)
    assert len(troubled.sound.leftovers()) == 3


@pytest.mark.parametrize("case", STAYING)
def test_a_trouble_that_stays_ends_the_backup_with_its_code(troubled: Troubled, case: str) -> None:
    operation, act, word = STAYING[case]
    troubled.s3.faults.append(Fault(operation, act, times=ALWAYS))

    done = troubled.run()

    assert done.error is not None
    assert (done.status, done.error.code) == (Status.FAILED, "storage_failed")
    assert word in done.error.message
    assert troubled.sound.leftovers() == []


def test_a_bucket_that_is_not_there_is_told(troubled: Troubled) -> None:
    gone = {**troubled.sound.environment, "HOLDFAST_S3_BUCKET": "nobodys-bucket"}
    backup = troubled.sound.request()

    with opened_with(AWS, gone, WORKER) as stack:
        done = stack.with_engine(ScriptedEngine()).backup_runner("worker-1").run(backup.id)

    assert done.error is not None
    assert (done.status, done.error.code) == (Status.FAILED, "storage_failed")


def test_a_disabled_signing_key_ends_the_backup_unsealed(
    troubled: Troubled, ministack: Ministack
) -> None:
    key_id = troubled.sound.environment["HOLDFAST_SIGNING_KEY"]
    ministack.client("kms").disable_key(KeyId=key_id)

    done = troubled.run()

    assert done.error is not None
    assert (done.status, done.error.code) == (Status.FAILED, "storage_failed")
    assert "key" in done.error.message
    assert troubled.sound.leftovers() == []


def test_what_cannot_be_cleared_is_cleared_by_the_sweeper(troubled: Troubled) -> None:
    troubled.s3.faults += [
        Fault(operation, answer(403, "AccessDenied"), times=ALWAYS)
        for operation in ("UploadPart", "AbortMultipartUpload")
    ]
    done = troubled.run()
    assert (done.status, len(troubled.sound.leftovers())) == (Status.FAILED, 1)

    troubled.sound.services.sweeper.sweep()

    assert troubled.sound.leftovers() == []


def test_a_worker_that_cannot_write_the_record_leaves_it_to_the_sweeper(
    troubled: Troubled,
) -> None:
    denied = Fault("TransactWriteItems", refuse(400, "AccessDeniedException"), times=ALWAYS)
    engine = ScriptedEngine(during=lambda watch: troubled.others.faults.append(denied))
    backup = troubled.sound.request()
    with pytest.raises(StorageFailed, match="refused"):
        troubled.stack.with_engine(engine).backup_runner("worker-1").run(backup.id)
    troubled.sound.services.adapters.workflow.stop(Work.BACKUP, backup.id)

    troubled.sound.services.sweeper.sweep()

    done = troubled.sound.services.backups.get(backup.id)
    assert done.error is not None
    assert (done.error.code, troubled.sound.leftovers()) == ("worker_lost", [])
