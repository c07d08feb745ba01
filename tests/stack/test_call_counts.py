"""What a backup costs in calls to AWS: each is paid for, and none may come unnoticed.

The clock of the services stands still, so that nothing here depends on how fast a machine is; what
each second of a run adds is held on its own.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import pytest

from chalicelib.adapters.aws.call_counter import CallCounter
from chalicelib.bootstrap.adapters import aws_adapters
from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import (
    Backup,
    BackupOptions,
    Compression,
    Format,
    SourceCounts,
    Status,
)
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.parts import BASE_PART_BYTES
from chalicelib.domain.progress import Progress
from chalicelib.postgres_ports import ArchiveReport, DumpRequest, DumpResult, Sink, Watch
from chalicelib.services.backups import NewBackup
from chalicelib.services.links import NewLink
from chalicelib.services.progress import LOOK_EVERY_S
from tests.support.stack import Stack
from tests.support.world import ScriptedEngine, TurnedClock

MIB: Final = 1 << 20
CHUNK: Final = hashlib.sha256(b"seed").digest() * (MIB // 32)
GIGABYTE: Final = 1024
PARTS: Final = GIGABYTE * MIB // BASE_PART_BYTES
Calls = dict[tuple[str, str], int]

# What a worker asks for one backup, from its first claim to its last notice, without the parts.
RUN: Final = {
    ("dynamodb", "GetItem"): 26,
    ("dynamodb", "TransactWriteItems"): 11,
    ("dynamodb", "UpdateItem"): 2,
    ("dynamodb", "Query"): 2,
    ("dynamodb", "BatchGetItem"): 1,
    ("secretsmanager", "GetSecretValue"): 2,
    ("kms", "Sign"): 1,
    ("sns", "Publish"): 1,
    ("s3", "CreateMultipartUpload"): 1,
    ("s3", "CompleteMultipartUpload"): 1,
    ("s3", "PutObject"): 3,
    ("s3", "HeadObject"): 1,
    ("s3", "GetObject"): 4,
    ("s3", "DeleteObject"): 1,
}
REQUEST: Final = {
    ("dynamodb", "GetItem"): 2,
    ("dynamodb", "TransactWriteItems"): 1,
    ("stepfunctions", "StartExecution"): 1,
}
LINK: Final = {("dynamodb", "TransactWriteItems"): 1}
REDEMPTION: Final = {("dynamodb", "GetItem"): 3, ("dynamodb", "TransactWriteItems"): 1}
REPEATED_REDEMPTION: Final = {("dynamodb", "GetItem"): 2}
LOOK: Final = {("dynamodb", "GetItem"): 1, ("dynamodb", "UpdateItem"): 1}
"""What each half second of a dump adds: the record is read, and progress written."""

# S3 asks one price for these, and about a twelfth of it for reading.
S3_WRITING: Final = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
S3_LISTING: Final = ("ListObjectsV2", "ListMultipartUploads", "ListParts")


@dataclass
class BulkEngine(ScriptedEngine):
    """Dump one chunk over and over, and read it back without holding it."""

    chunks: int = GIGABYTE

    def dump(
        self, request: DumpRequest, open_sink: Callable[[str], Sink], watch: Watch
    ) -> DumpResult:
        sink = open_sink("database.dump")
        for _ in range(self.chunks):
            sink.write(CHUNK)
            self.during(watch)
        return DumpResult(counts=SourceCounts(), raw_bytes=None)

    def check(
        self, file_format: Format, compression: Compression, chunks: Iterator[bytes], watch: Watch
    ) -> ArchiveReport:
        size_bytes = 0
        for chunk in chunks:
            size_bytes += len(chunk)
            watch.check()
        if size_bytes != self.chunks * MIB:
            raise IntegrityFailed("not the bytes that were dumped")
        return ArchiveReport(raw_bytes=size_bytes, read_by="pg_restore 18.6")


@dataclass
class Counted:
    """Hold a service whose calls are counted, and the clock it goes by."""

    services: Services
    counter: CallCounter
    clock: TurnedClock

    def calls_of(self, act: Callable[[], object]) -> Calls:
        before = Counter(self.counter.counts)
        act()
        return dict(Counter(self.counter.counts) - before)

    def run(self, backup: Backup, engine: ScriptedEngine) -> Calls:
        adapters = replace(self.services.adapters, engine=lambda: engine)
        runner = Services(self.services.settings, adapters).backup_runner("worker-1")
        return self.calls_of(lambda: runner.run(backup.id))


@pytest.fixture
def counted(aws: Stack) -> Counted:
    counter, clock = CallCounter(), TurnedClock()
    settings = aws.services.settings
    adapters = replace(aws_adapters(settings, counter.watch), clock=clock)
    return Counted(Services(settings, adapters), counter, clock)


def bill(calls: Calls) -> str:
    s3 = Counter({operation: n for (service, operation), n in calls.items() if service == "s3"})
    writing = sum(s3[name] for name in (*S3_WRITING, *S3_LISTING))
    lines = [f"{service} {operation}: {n}" for (service, operation), n in sorted(calls.items())]
    return "\n".join(
        [
            *lines,
            f"S3 at the price of writing: {writing} ({s3['UploadPart']} of them parts)",
            f"S3 at the price of reading: {s3['GetObject'] + s3['HeadObject']}",
            f"all but S3: {sum(calls.values()) - sum(s3.values())}",
        ]
    )


def test_a_backup_of_a_gigabyte(aws: Stack, counted: Counted) -> None:
    backup = aws.request()

    calls = counted.run(backup, BulkEngine())

    done = aws.services.backups.get(backup.id)
    assert (done.status, done.stored_bytes) == (Status.COMPLETED, GIGABYTE * MIB)
    assert calls == {**RUN, ("s3", "UploadPart"): PARTS}, bill(calls)


def test_only_the_parts_grow_with_the_size(aws: Stack, counted: Counted) -> None:
    backup = aws.request()

    calls = counted.run(backup, BulkEngine(chunks=1))

    assert calls == {**RUN, ("s3", "UploadPart"): 1}, bill(calls)


def test_half_a_second_of_dumping_is_one_look_and_one_word(aws: Stack, counted: Counted) -> None:
    backup = aws.request()

    def report(watch: Watch) -> None:
        counted.clock.turn(timedelta(seconds=LOOK_EVERY_S))
        at = counted.clock.now()
        for done in range(3):
            watch.check(Progress(id="run", phase="dump", raw_bytes_done=done, at=at))

    calls = counted.run(backup, BulkEngine(during=report, chunks=20))

    # the first look is in the table; what was said after the last look is published at the end
    grown = Counter(RUN) + Counter({call: 19 * n for call, n in LOOK.items()})
    words = Counter({("dynamodb", "UpdateItem"): 2})
    assert calls == {**(grown + words), ("s3", "UploadPart"): 3}, bill(calls)


def test_a_request_is_one_write_and_one_start(aws: Stack, counted: Counted) -> None:
    project_id = aws.request().project_id
    new = NewBackup(project_id, BackupOptions())

    calls = counted.calls_of(lambda: counted.services.backups.request("test", new))

    assert calls == REQUEST, bill(calls)


def test_a_link_costs_a_write_to_make_and_one_to_redeem(aws: Stack, counted: Counted) -> None:
    backup = aws.request()
    counted.run(backup, BulkEngine(chunks=1))
    done = counted.services.backups.get(backup.id)
    tokens: list[str] = []

    made = counted.calls_of(
        lambda: tokens.append(counted.services.links.create("test", done, NewLink())[1])
    )
    first, again = (
        counted.calls_of(lambda: counted.services.link_signer.redeem(tokens[0])) for _ in range(2)
    )

    assert (made, first, again) == (LINK, REDEMPTION, REPEATED_REDEMPTION), bill(first)
