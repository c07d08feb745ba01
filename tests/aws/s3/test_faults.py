"""Promises of an upload to S3 when something goes wrong: the whole object, or none and a reason."""

from __future__ import annotations

import hashlib

import pytest

from chalicelib.adapters.aws.retrying_objects import OBJECT_POLICY, RetryingObjectStore
from chalicelib.adapters.aws.s3 import S3ObjectStore
from chalicelib.domain.errors import (
    Conflict,
    HoldfastError,
    IntegrityFailed,
    NotFound,
    StorageFailed,
)
from chalicelib.domain.parts import BASE_PART_BYTES
from chalicelib.ports import ObjectStore
from chalicelib.services.artefact_upload import ArtefactUpload
from tests.support.s3_faults import (
    Act,
    Fault,
    FaultyS3,
    answer,
    corrupt,
    corrupt_answer,
    cut_answer,
    lose_answer,
    reset,
)

KEY = "projects/P/backups/B/1/database.dump"
ALWAYS = 1_000_000
LAST_PART = 3
DUMP = hashlib.sha256(b"seed").digest() * ((2 * BASE_PART_BYTES + (1 << 20)) // 32)

TRANSIENT: dict[str, Act] = {
    "internal error": answer(500, "InternalError"),
    "busy": answer(503, "SlowDown"),
    "unavailable": answer(503, "ServiceUnavailable"),
    "request timeout": answer(400, "RequestTimeout"),
    "reset": reset,
    "lost answer": lose_answer,
}
FINAL: dict[str, tuple[Act, type[HoldfastError], str]] = {
    "access denied": (answer(403, "AccessDenied"), StorageFailed, "refused"),
    "expired": (answer(400, "ExpiredToken"), StorageFailed, "expired"),
    "no bucket": (answer(404, "NoSuchBucket"), StorageFailed, "bucket"),
    "key disabled": (answer(400, "KMS.DisabledException"), StorageFailed, "key"),
    "wrong signature": (answer(403, "SignatureDoesNotMatch"), StorageFailed, "refused"),
}
PLACES = {
    "first part": ("UploadPart", 1),
    "middle part": ("UploadPart", 2),
    "last part": ("UploadPart", LAST_PART),
    "complete": ("CompleteMultipartUpload", None),
}


def upload(store: ObjectStore, data: bytes = DUMP) -> None:
    """Bring data into the store as a worker does: whatever fails is dropped."""
    artefact = ArtefactUpload(store, KEY, "database.dump")
    try:
        for start in range(0, len(data), 1 << 20):
            artefact.write(data[start : start + (1 << 20)])
        artefact.finish()
    except HoldfastError:
        artefact.abort()
        raise


def left(store: S3ObjectStore) -> list[str]:
    return [*store.keys(""), *(found.key for found in store.uploads(""))]


def is_whole(store: S3ObjectStore) -> bool:
    return b"".join(store.read(KEY)) == DUMP and left(store) == [KEY]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", TRANSIENT)
def test_a_trouble_that_passes_costs_nothing(
    retrying: RetryingObjectStore, faulty: FaultyS3, direct: S3ObjectStore, kind: str, place: str
) -> None:
    operation, part = PLACES[place]
    faulty.faults.append(Fault(operation, TRANSIENT[kind], part))

    upload(retrying)

    assert is_whole(direct)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", FINAL)
def test_what_no_retry_mends_ends_at_once_and_leaves_nothing(
    retrying: RetryingObjectStore, faulty: FaultyS3, direct: S3ObjectStore, kind: str, place: str
) -> None:
    operation, part = PLACES[place]
    act, error, words = FINAL[kind]
    faulty.faults.append(Fault(operation, act, part, times=ALWAYS))

    with pytest.raises(error, match=words):
        upload(retrying)

    assert left(direct) == []
    assert len([r for r in faulty.asked(operation) if part in {None, r.part}]) == 1


@pytest.mark.parametrize("kind", FINAL)
def test_a_store_that_refuses_does_so_before_a_dump_begins(
    retrying: RetryingObjectStore, faulty: FaultyS3, kind: str
) -> None:
    act, error, words = FINAL[kind]
    faulty.faults.append(Fault("CreateMultipartUpload", act, times=ALWAYS))

    with pytest.raises(error, match=words):
        retrying.begin(KEY, content_type="x")


@pytest.mark.parametrize("place", PLACES)
def test_a_trouble_that_stays_ends_after_a_bounded_number_of_tries(
    retrying: RetryingObjectStore, faulty: FaultyS3, direct: S3ObjectStore, place: str
) -> None:
    operation, part = PLACES[place]
    faulty.faults.append(Fault(operation, answer(503, "SlowDown"), part, times=ALWAYS))

    with pytest.raises(StorageFailed, match="too much to do"):
        upload(retrying)

    assert left(direct) == []
    tries = [r for r in faulty.asked(operation) if part in {None, r.part}]
    assert len(tries) == OBJECT_POLICY.tries


def test_a_byte_that_is_damaged_on_the_way_is_sent_again(
    retrying: RetryingObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    faulty.faults += [Fault("UploadPart", corrupt, part) for part in (1, 2, LAST_PART)]

    upload(retrying)

    assert is_whole(direct)


def test_bytes_that_are_always_damaged_are_never_an_object(
    retrying: RetryingObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    faulty.faults.append(Fault("UploadPart", corrupt, 2, times=ALWAYS))

    with pytest.raises(StorageFailed, match="damaged on the way"):
        upload(retrying)

    assert left(direct) == []


def test_an_upload_that_vanished_fails(
    retrying: RetryingObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    faulty.faults.append(Fault("UploadPart", answer(404, "NoSuchUpload"), 2))

    with pytest.raises(NotFound, match="no such upload"):
        upload(retrying)

    assert left(direct) == []


# -- the end of an upload


def test_a_completion_whose_answer_was_lost_is_settled_without_a_retry(
    store: S3ObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    faulty.faults.append(Fault("CompleteMultipartUpload", lose_answer))

    upload(store)

    assert is_whole(direct)
    assert len(faulty.asked("CompleteMultipartUpload")) == 1


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
def test_an_error_inside_a_good_answer_is_an_error(
    store: S3ObjectStore, faulty: FaultyS3, direct: S3ObjectStore, code: str
) -> None:
    faulty.faults.append(Fault("CompleteMultipartUpload", answer(200, code)))

    with pytest.raises(StorageFailed):
        upload(store)

    assert left(direct) == []


def test_an_error_inside_a_good_answer_is_tried_again(
    retrying: RetryingObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    faulty.faults.append(Fault("CompleteMultipartUpload", answer(200, "InternalError")))

    upload(retrying)

    assert is_whole(direct)


def test_an_object_of_somebody_else_is_never_taken_for_ours(
    retrying: RetryingObjectStore, direct: S3ObjectStore
) -> None:
    direct.put(KEY, b"somebody else's", content_type="x")

    with pytest.raises(Conflict):
        upload(retrying)

    assert b"".join(direct.read(KEY)) == b"somebody else's"
    assert left(direct) == [KEY]


def test_a_lost_completion_over_an_object_of_somebody_else_is_a_conflict(
    store: S3ObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    direct.put(KEY, DUMP, content_type="x")
    faulty.faults.append(Fault("CompleteMultipartUpload", reset))

    with pytest.raises(Conflict):
        upload(store)

    assert left(direct) == [KEY]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "InvalidPart", IntegrityFailed),
        (400, "BadDigest", IntegrityFailed),
        (400, "InvalidRequest", IntegrityFailed),
        (400, "EntityTooSmall", StorageFailed),
        (409, "ConditionalRequestConflict", StorageFailed),
        (412, "PreconditionFailed", Conflict),
        (404, "NoSuchUpload", NotFound),
    ],
)
def test_a_refused_completion_names_its_reason_and_leaves_nothing(
    retrying: RetryingObjectStore,
    faulty: FaultyS3,
    direct: S3ObjectStore,
    *,
    status: int,
    code: str,
    error: type[HoldfastError],
) -> None:
    fault = Fault("CompleteMultipartUpload", answer(status, code), times=ALWAYS)
    faulty.faults.append(fault)

    with pytest.raises(error):
        upload(retrying)

    assert left(direct) == []


# -- what is not an upload's middle or end


def test_a_lost_beginning_leaves_no_upload(
    retrying: RetryingObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    faulty.faults.append(Fault("CreateMultipartUpload", lose_answer))

    upload(retrying)

    assert is_whole(direct)


def test_a_put_whose_answer_was_lost_is_settled(
    store: S3ObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    faulty.faults.append(Fault("PutObject", lose_answer))

    store.put(KEY, b"manifest", content_type="x")

    assert b"".join(direct.read(KEY)) == b"manifest"


def test_a_put_that_was_carried_out_late_is_recognised_as_ours(
    retrying: RetryingObjectStore, faulty: FaultyS3
) -> None:
    # the answer is lost and the object not yet visible when the first try looks for it
    faulty.faults.append(Fault("PutObject", lose_answer))
    faulty.faults.append(Fault("HeadObject", answer(404, "")))

    retrying.put(KEY, b"manifest", content_type="x")

    assert len(faulty.asked("PutObject")) == 2


def test_a_damaged_download_is_noticed(
    retrying: RetryingObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    upload(direct)
    faulty.faults.append(Fault("GetObject", corrupt_answer))

    with pytest.raises(IntegrityFailed):
        b"".join(retrying.read(KEY))


def test_a_download_that_breaks_off_goes_on_where_it_stood(
    retrying: RetryingObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    upload(direct)
    faulty.faults += [Fault("GetObject", cut_answer(at)) for at in (5 << 20, 0, 3 << 20)]

    assert b"".join(retrying.read(KEY)) == DUMP


def test_a_download_that_breaks_off_is_an_error_without_a_retry(
    store: S3ObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    direct.put(KEY, bytes(100_000), content_type="x")
    faulty.faults.append(Fault("GetObject", cut_answer(50_000)))

    with pytest.raises(StorageFailed, match="did not answer"):
        list(store.read(KEY))


def test_an_abort_whose_answer_was_lost_is_repeated(
    retrying: RetryingObjectStore, faulty: FaultyS3, direct: S3ObjectStore
) -> None:
    begun = retrying.begin(KEY, content_type="x")
    faulty.faults.append(Fault("AbortMultipartUpload", lose_answer))

    retrying.abort(begun)

    assert left(direct) == []
