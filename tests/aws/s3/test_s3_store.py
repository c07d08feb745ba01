"""What the store in a bucket promises beyond its port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from time import monotonic
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest
from botocore.config import Config

from chalicelib.adapters.aws.clients import Credentials, Place
from chalicelib.adapters.aws.retrying_objects import RetryingObjectStore
from chalicelib.adapters.aws.s3 import S3ObjectStore
from chalicelib.adapters.aws.s3_settings import (
    LIMITS,
    LockMode,
    ObjectLock,
    S3Settings,
    s3_client,
)
from chalicelib.adapters.system import SystemClock
from chalicelib.domain.errors import IntegrityFailed, Internal, InvalidRequest, StorageFailed
from chalicelib.ports import Part, PartLimits
from tests.support.ministack import Ministack
from tests.support.s3_faults import Fault, FaultyS3, lose_answer
from tests.support.seaweedfs import BUCKET, KEYS, REGION, SECRET, SeaweedFS, fresh_prefix

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEY = "p/database.dump"
StoreAt = Callable[..., S3ObjectStore]


def signed(store: S3ObjectStore, *, seconds: float = 60, filename: str = "x.dump") -> str:
    lifetime = timedelta(seconds=seconds)
    return store.presign(KEY, filename=filename, lifetime=lifetime, now=NOW)


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def second_store(
    store_at: StoreAt, ministack: Ministack, settings: S3Settings | None = None
) -> S3ObjectStore:
    """Return a store on ministack, in a bucket of its own."""
    bucket = fresh_prefix().rstrip("/")
    chosen = replace(settings or S3Settings(""), bucket=bucket)
    ministack.client("s3").create_bucket(
        Bucket=bucket,
        ObjectLockEnabledForBucket=chosen.object_lock is not None,
        CreateBucketConfiguration={"LocationConstraint": ministack.place.region},
    )
    return store_at(ministack.endpoint, chosen, Credentials("test", "test"))


# -- what is sent


def test_a_completion_states_size_checksum_and_that_the_key_is_free(
    store: S3ObjectStore, faulty: FaultyS3
) -> None:
    upload = store.begin(KEY, content_type="x")
    part = store.upload_part(upload, 1, b"123456789")
    store.complete(upload, [part], size_bytes=9)

    (sent,) = faulty.asked("CompleteMultipartUpload")
    assert sent.headers["x-amz-mp-object-size"] == "9"
    assert sent.headers["x-amz-checksum-crc64nvme"] == "rosUhgp5mIg="
    assert sent.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert sent.headers["If-None-Match"] == "*"


def test_a_part_and_a_put_carry_their_checksum(store: S3ObjectStore, faulty: FaultyS3) -> None:
    store.upload_part(store.begin(KEY, content_type="x"), 1, b"123456789")
    store.put("p/other", b"123456789", content_type="x")

    for operation in ("UploadPart", "PutObject"):
        (sent,) = faulty.asked(operation)
        assert sent.headers["x-amz-checksum-crc64nvme"] == "rosUhgp5mIg="


def test_every_call_names_the_owner_the_bucket_must_have(
    store_at: StoreAt, faulty: FaultyS3
) -> None:
    chosen = S3Settings(BUCKET, prefix=fresh_prefix(), bucket_owner="111122223333")
    store = store_at(faulty.endpoint, chosen)
    upload = store.begin(KEY, content_type="x")
    part = store.upload_part(upload, 1, b"x")
    store.complete(upload, [part], size_bytes=1)
    store.abort(upload)
    store.put("p/other", b"x", content_type="x")
    store.head(KEY)
    assert [*store.read(KEY), *store.keys(""), *store.uploads("")]
    store.delete(KEY)

    sent = [r.headers.get("x-amz-expected-bucket-owner") for r in faulty.requests]
    assert len(sent) > 8
    assert set(sent) == {"111122223333"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (S3Settings("b"), {}),
        (
            S3Settings("b", kms_key_id="k"),
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k", "BucketKeyEnabled": True},
        ),
        (S3Settings("b", storage_class="STANDARD_IA"), {"StorageClass": "STANDARD_IA"}),
        (
            S3Settings("b", object_lock=ObjectLock(LockMode.COMPLIANCE, 30)),
            {
                "ObjectLockMode": "COMPLIANCE",
                "ObjectLockRetainUntilDate": datetime(2026, 2, 1, tzinfo=UTC),
            },
        ),
    ],
)
def test_settings_become_arguments(settings: S3Settings, expected: dict[str, object]) -> None:
    assert settings.keeping(NOW) == expected


@pytest.mark.parametrize("days", [0, -1])
def test_a_lock_of_no_length_is_refused(days: int) -> None:
    with pytest.raises(InvalidRequest):
        ObjectLock(LockMode.GOVERNANCE, days)


def test_the_limits_are_those_of_s3_with_two_parts_in_flight() -> None:
    assert PartLimits(5 * 1024**2, 5 * 1024**3, 10_000, parts_in_flight=2) == LIMITS


def test_prefixes_keep_stores_of_one_bucket_apart(
    direct: S3ObjectStore, store_at: StoreAt, seaweedfs: SeaweedFS
) -> None:
    other = store_at(seaweedfs.endpoint, S3Settings(BUCKET, prefix=fresh_prefix()))
    direct.put(KEY, b"ours", content_type="x")
    other.begin(KEY, content_type="x")

    assert (list(other.keys("")), list(direct.uploads(""))) == ([], [])


# -- what the servers refuse


def test_a_part_under_another_name_is_refused(direct: S3ObjectStore) -> None:
    upload = direct.begin(KEY, content_type="x")
    part = direct.upload_part(upload, 1, b"data")
    forged = Part(1, 4, "0" * 32 + part.etag[32:])

    with pytest.raises(IntegrityFailed):
        direct.complete(upload, [forged], size_bytes=4)

    assert list(direct.keys("")) == []


def test_a_checksum_that_is_not_the_wholes_is_refused(direct: S3ObjectStore) -> None:
    upload = direct.begin(KEY, content_type="x")
    part = direct.upload_part(upload, 1, b"data")
    other = direct.upload_part(direct.begin("p/other", content_type="x"), 1, b"else")
    forged = Part(1, 4, part.etag[:32] + other.etag[32:])

    with pytest.raises(IntegrityFailed):
        direct.complete(upload, [forged], size_bytes=4)

    assert list(direct.keys("")) == []


@pytest.mark.parametrize(
    "keys", [Credentials("AKIDOFTESTS", "wrong"), Credentials("AKIDOFOTHERS", "wrong")]
)
def test_wrong_credentials_are_refused(
    store_at: StoreAt, seaweedfs: SeaweedFS, keys: Credentials
) -> None:
    store = store_at(seaweedfs.endpoint, S3Settings(BUCKET, prefix=fresh_prefix()), keys)

    with pytest.raises(StorageFailed, match="refused us"):
        store.begin(KEY, content_type="x")


def test_a_server_that_is_not_there_is_an_error_that_may_pass(store_at: StoreAt) -> None:
    store = store_at("http://127.0.0.1:9", S3Settings(BUCKET))

    with pytest.raises(StorageFailed, match="did not answer") as caught:
        store.head(KEY)

    assert caught.value.fields == {"transient": "yes"}


def test_a_bucket_that_is_not_there_is_no_missing_object(
    store_at: StoreAt, seaweedfs: SeaweedFS
) -> None:
    store = store_at(seaweedfs.endpoint, S3Settings("no-such-bucket"))

    with pytest.raises(StorageFailed, match="bucket is not there"):
        store.head(KEY)


# -- what only the second server does as S3 does: SeaweedFS opens uploads in any bucket, ignores the
#    stated size, completes with a part that was replaced, and knows neither KMS nor classes


def test_ministack_no_upload_begins_in_a_missing_bucket(
    store_at: StoreAt, ministack: Ministack
) -> None:
    store = store_at(ministack.endpoint, S3Settings("missing"), Credentials("test", "test"))

    with pytest.raises(StorageFailed, match="bucket is not there"):
        store.begin(KEY, content_type="x")


def test_ministack_a_replaced_part_is_refused(store_at: StoreAt, ministack: Ministack) -> None:
    store = second_store(store_at, ministack)
    upload = store.begin(KEY, content_type="x")
    part = store.upload_part(upload, 1, b"aaaa")
    store.upload_part(upload, 1, b"bbbb")

    with pytest.raises(IntegrityFailed):
        store.complete(upload, [part], size_bytes=4)


def test_ministack_a_stated_size_that_differs_is_refused(
    store_at: StoreAt, ministack: Ministack
) -> None:
    store = second_store(store_at, ministack)
    upload = store.begin(KEY, content_type="x")
    part = store.upload_part(upload, 1, b"aaaa")

    with pytest.raises(IntegrityFailed):
        store.complete(upload, [Part(1, 5, part.etag)], size_bytes=5)


def test_ministack_objects_are_kept_as_the_settings_say(
    store_at: StoreAt, ministack: Ministack
) -> None:
    key_id = ministack.client("kms").create_key()["KeyMetadata"]["Arn"]
    lock = ObjectLock(LockMode.GOVERNANCE, 1)
    chosen = S3Settings("", kms_key_id=key_id, storage_class="STANDARD_IA", object_lock=lock)
    store = second_store(store_at, ministack, chosen)
    store.put(KEY, b"x", content_type="x")

    bucket = store.settings.bucket
    kept = ministack.client("s3").head_object(Bucket=bucket, Key=KEY)
    assert kept["ServerSideEncryption"] == "aws:kms"
    assert kept["SSEKMSKeyId"] == key_id
    assert kept["StorageClass"] == "STANDARD_IA"
    assert kept["ObjectLockMode"] == "GOVERNANCE"


# -- links


def test_a_link_serves_the_object_under_its_file_name(direct: S3ObjectStore) -> None:
    direct.put(KEY, b"data", content_type="x")

    answer = httpx.get(signed(direct, filename='ü".dump'))

    assert (answer.status_code, answer.content) == (200, b"data")
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"__.dump\"; filename*=UTF-8''%C3%BC%22.dump"
    )


def test_a_link_asks_no_header_of_its_user_where_the_owner_is_named(
    store_at: StoreAt, seaweedfs: SeaweedFS
) -> None:
    chosen = S3Settings(BUCKET, prefix=fresh_prefix(), bucket_owner="111122223333")
    store = store_at(seaweedfs.endpoint, chosen)
    store.put(KEY, b"data", content_type="x")

    url = signed(store)

    assert query_of(url)["X-Amz-SignedHeaders"] == "host"
    assert httpx.get(url).content == b"data"


def test_a_link_serves_ranges(direct: S3ObjectStore) -> None:
    direct.put(KEY, b"0123456789", content_type="x")

    answer = httpx.get(signed(direct), headers={"Range": "bytes=3-5"})

    assert (answer.status_code, answer.content) == (206, b"345")


def test_a_link_that_was_changed_serves_nothing(direct: S3ObjectStore) -> None:
    direct.put(KEY, b"data", content_type="x")
    direct.put("p/other", b"secret", content_type="x")

    changed = signed(direct).replace("database.dump", "other")

    assert httpx.get(changed).status_code == 403


def test_a_link_expires(direct: S3ObjectStore) -> None:
    direct.put(KEY, b"data", content_type="x")
    url = signed(direct, seconds=1)
    pause, deadline = Event(), monotonic() + 20

    while (status := httpx.get(url).status_code) == 200 and monotonic() < deadline:
        pause.wait(0.2)

    assert status == 403


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.1, "1"), (60, "60"), (900, "900"), (901, "900"), (10**7, "900")]
)
def test_a_link_lives_for_a_quarter_of_an_hour_at_most(
    direct: S3ObjectStore, seconds: float, expected: str
) -> None:
    assert query_of(signed(direct, seconds=seconds))["X-Amz-Expires"] == expected


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-1", "us-west-2"])
@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:1"])
def test_a_link_is_signed_with_sigv4_everywhere(region: str, endpoint: str | None) -> None:
    client = s3_client(Place(region, endpoint, KEYS))
    store = S3ObjectStore(client, S3Settings("bucket"), SystemClock())

    query = query_of(signed(store))

    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert f"/{region}/s3/aws4_request" in query["X-Amz-Credential"]
    assert not {"AWSAccessKeyId", "Signature", "Expires"} & set(query)


@pytest.mark.parametrize("version", [None, "s3", "s3-query"])
def test_a_client_that_signs_otherwise_gives_no_link(version: str | None) -> None:
    config = Config(signature_version=version) if version else None
    session = boto3.session.Session(
        aws_access_key_id=KEYS.access_key_id, aws_secret_access_key=KEYS.secret_access_key
    )
    client = session.client("s3", region_name=REGION, config=config)
    store = S3ObjectStore(client, S3Settings("bucket"), SystemClock())

    with pytest.raises(Internal, match="SigV4"):
        signed(store)


def test_no_secret_is_shown(direct: S3ObjectStore) -> None:
    shown = f"{direct!r} {Place(REGION, None, KEYS)!r} {signed(direct)}"

    assert SECRET not in shown


# -- copies


def test_what_is_too_large_for_one_request_is_copied_range_by_range(
    store_at: StoreAt, faulty: FaultyS3
) -> None:
    limits = PartLimits(5 << 20, 5 << 20, 20)
    store = store_at(faulty.endpoint, S3Settings(BUCKET, prefix=fresh_prefix(), limits=limits))
    upload = store.begin(KEY, content_type="x")
    pieces = [b"a" * (5 << 20), b"b" * (5 << 20), b"end"]
    parts = [store.upload_part(upload, number, data) for number, data in enumerate(pieces, 1)]
    store.complete(upload, parts, size_bytes=(10 << 20) + 3)

    made = store.copy(KEY, "p/copy")

    assert made.size_bytes == (10 << 20) + 3
    assert b"".join(store.read("p/copy")) == b"".join(pieces)
    assert list(store.uploads("")) == []
    assert faulty.asked("CopyObject") == []


def test_a_copy_whose_answer_was_lost_is_recognised(
    retrying: RetryingObjectStore, faulty: FaultyS3
) -> None:
    retrying.put(KEY, b"data", content_type="x")
    faulty.faults.append(Fault("CopyObject", lose_answer))

    made = retrying.copy(KEY, "p/copy")

    assert made.size_bytes == 4
    assert b"".join(retrying.read("p/copy")) == b"data"
