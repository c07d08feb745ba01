"""F6, F7, F12: the store or the table fails at a chosen call; the disk is full at a chosen byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chalicelib.domain.backup import Backup
from tests.faults.cells import COMPLETED, ONLY_AWS, ONLY_EMBEDDED, Act, Cell, Draw, Trial, ends
from tests.faults.disks import only
from tests.faults.nursery import Trouble
from tests.faults.stand import Stand
from tests.support import s3_faults
from tests.support.s3_faults import Fault, FaultyS3, Request

ALWAYS: Final = 1_000_000
ROOM_ENOUGH: Final = "the room that was drawn may be enough for a whole run"
STORE: Final = ends("storage_failed")
HONEST: Final = ends("storage_failed", "worker_lost", "completed")
S3_CALLS: Final = (
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "HeadObject",
    "PutObject",
    "GetObject",
)
TABLE_CALLS: Final = ("TransactWriteItems", "GetItem", "UpdateItem", "PutItem")
WRITES: Final = 9
"""More commits than a run has; a fault behind the last one strikes nothing."""


@dataclass
class Late(Fault):
    """Go wrong, but not the first `spared` times."""

    spared: int = 0

    def strikes(self, request: Request) -> bool:
        if request.operation == self.operation and self.spared > 0:
            self.spared -= 1
            return False
        return super().strikes(request)


def through_troubled(stand: Stand, way: FaultyS3, fault: Fault) -> tuple[Backup, bool]:
    """Run a worker whose ways to AWS go wrong; tell whether they did."""
    assert stand.troubled is not None
    assert stand.ways is not None
    planned = fault.times
    backup = stand.stack.request(stand.source)
    way.faults.append(fault)
    try:
        stand.run(backup, services=stand.troubled.services, clean=False)
    finally:
        stand.ways.clear()
    stand.finish(backup)
    return backup, fault.times < planned


def bucket_fails(name: str, act: s3_faults.Act, expected: frozenset[str], times: int) -> Act:
    """Let one operation of the bucket fail, each in turn."""

    def cell(stand: Stand, draw: Draw) -> Trial:
        assert stand.ways is not None
        operation = S3_CALLS[draw.turn % len(S3_CALLS)]
        fault = Late(operation, act, times=times, spared=draw.chance.choice([0, 0, 1]))
        backup, struck = through_troubled(stand, stand.ways.s3, fault)
        allowed = expected if struck else expected | COMPLETED
        return Trial(backup, allowed, f"{operation} {name}", struck)

    return cell


def table_fails(name: str, act: s3_faults.Act, expected: frozenset[str], times: int) -> Act:
    """Let one operation of the table fail, each in turn, at each of its calls."""

    def cell(stand: Stand, draw: Draw) -> Trial:
        assert stand.ways is not None
        operation = TABLE_CALLS[draw.turn % len(TABLE_CALLS)]
        spared = draw.turn // len(TABLE_CALLS) % WRITES
        fault = Late(operation, act, times=times, spared=spared)
        backup, struck = through_troubled(stand, stand.ways.others, fault)
        allowed = expected if struck else expected | COMPLETED
        return Trial(backup, allowed, f"{operation} after {spared} {name}", struck)

    return cell


def disk_full(stand: Stand, draw: Draw) -> Trial:
    """Keep records and objects on a disk that is full at some point of the run."""
    assert stand.small is not None, "NOT TESTED: no disk can be mounted here"
    free_bytes = draw.chance.randrange(20_000, 3_000_000)
    backup = stand.small.stack.request(stand.source)
    with only(stand.small.services.settings.data.parent, free_bytes):
        stand.small.run(backup, clean=False)
    struck = stand.small.ended_otherwise(backup)
    stand.small.finish(backup)
    return Trial(backup, HONEST, f"{free_bytes} bytes free", struck, where=stand.small)


def file_too_large(stand: Stand, draw: Draw) -> Trial:
    """Let no file grow beyond a size, as a quota does."""
    size_bytes = draw.chance.randrange(100_000, 1_500_000)
    backup = stand.stack.request(stand.source)
    stand.fork(backup, Trouble(limits={"RLIMIT_FSIZE": size_bytes})).wait()
    struck = stand.ended_otherwise(backup)
    stand.finish(backup)
    return Trial(backup, HONEST, f"files of {size_bytes} bytes", struck)


PASSING: Final[dict[str, s3_faults.Act]] = {
    "500": s3_faults.answer(500, "InternalError"),
    "503": s3_faults.answer(503, "SlowDown"),
    "reset": s3_faults.reset,
    "answer lost": s3_faults.lose_answer,
    "corrupt": s3_faults.corrupt,
}
STAYING: Final[dict[str, s3_faults.Act]] = {
    "denied": s3_faults.answer(403, "AccessDenied"),
    "expired token": s3_faults.answer(400, "ExpiredToken"),
    "KMS key disabled": s3_faults.answer(400, "KMS.DisabledException"),
    "no bucket": s3_faults.answer(404, "NoSuchBucket"),
    "500 for good": s3_faults.answer(500, "InternalError"),
}
OF_TABLE: Final[dict[str, s3_faults.Act]] = {
    "throttled": s3_faults.refuse(400, "ThrottlingException"),
    "500": s3_faults.refuse(500, "InternalServerError"),
    "reset": s3_faults.reset,
    "answer lost": s3_faults.lose_answer,
}
CELLS: Final = (
    *(
        Cell("F6", f"bucket, {name} once", bucket_fails(name, act, COMPLETED, 1), ONLY_AWS, 3)
        for name, act in PASSING.items()
    ),
    *(
        Cell("F6", f"bucket, {name}", bucket_fails(name, act, STORE, ALWAYS), ONLY_AWS)
        for name, act in STAYING.items()
    ),
    *(
        Cell("F7", f"table, {name} once", table_fails(name, act, COMPLETED, 1), ONLY_AWS, 4)
        for name, act in OF_TABLE.items()
    ),
    Cell(
        "F7",
        "table, denied",
        table_fails("", s3_faults.refuse(400, "AccessDeniedException"), HONEST, ALWAYS),
        ONLY_AWS,
    ),
    Cell("F12", "disk full", disk_full, ONLY_EMBEDDED, 10, may_miss=ROOM_ENOUGH),
    Cell("F12", "file too large", file_too_large, ONLY_EMBEDDED, 4, may_miss=ROOM_ENOUGH),
)
