"""How objects are kept in a bucket, and the client that speaks to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import boto3
from botocore.config import Config

from chalicelib.adapters.aws.clients import Place, session_at
from chalicelib.domain.errors import InvalidRequest
from chalicelib.ports import PartLimits

LIMITS: Final = PartLimits(
    min_part_bytes=5 << 20, max_part_bytes=5 << 30, max_parts=10_000, parts_in_flight=2
)  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html

CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 60
"""S3 sends a byte every few seconds while it completes a large upload, so this is silence."""
MAX_CONNECTIONS: Final = 20

Arguments = dict[str, Any]


class LockMode(StrEnum):
    """Say who may shorten an object's lock: nobody, or whoever has a right of its own."""

    COMPLIANCE = "COMPLIANCE"
    GOVERNANCE = "GOVERNANCE"


@dataclass(frozen=True)
class ObjectLock:
    """Keep every new object undeletable for some days; the bucket must have been made for it."""

    mode: LockMode
    days: int

    def __post_init__(self) -> None:
        """Refuse a lock of no length."""
        if self.days < 1:
            raise InvalidRequest("an object lock lasts at least one day", field="object_lock")


@dataclass(frozen=True)
class S3Settings:
    """Say where and how objects are kept.

    Keys begin with `prefix` in the bucket. Without `kms_key_id` and `storage_class` the bucket's
    own defaults hold. With `bucket_owner` (an account id) every call fails on somebody else's
    bucket of the same name.
    """

    bucket: str
    prefix: str = ""
    kms_key_id: str | None = None
    storage_class: str | None = None
    object_lock: ObjectLock | None = None
    bucket_owner: str | None = None
    limits: PartLimits = LIMITS

    def place(self) -> Arguments:
        """Return what every call says: the bucket, and whose it must be."""
        if self.bucket_owner is None:
            return {"Bucket": self.bucket}
        return {"Bucket": self.bucket, "ExpectedBucketOwner": self.bucket_owner}

    def keeping(self, now: datetime) -> Arguments:
        """Return what a new object is made with: encryption, class and lock."""
        arguments: Arguments = {}
        if self.kms_key_id is not None:
            # a bucket key spares a call to KMS, and its price, per part
            arguments |= {
                "ServerSideEncryption": "aws:kms",
                "SSEKMSKeyId": self.kms_key_id,
                "BucketKeyEnabled": True,
            }
        if self.storage_class is not None:
            arguments["StorageClass"] = self.storage_class
        if self.object_lock is not None:
            arguments["ObjectLockMode"] = self.object_lock.mode.value
            arguments["ObjectLockRetainUntilDate"] = now + timedelta(days=self.object_lock.days)
        return arguments


def s3_client(
    place: Place,
    session: boto3.session.Session | None = None,
    *,
    read_timeout_s: float = READ_TIMEOUT_S,
) -> Any:
    """Make a client that signs with SigV4 only and never retries; nothing is sent yet.

    A custom endpoint is addressed by path, because it seldom has a name for each bucket. `session`
    is one of the same place, see `session_at`.
    """
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if place.endpoint_url else "virtual"},
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        max_pool_connections=MAX_CONNECTIONS,
        tcp_keepalive=True,
        # the adapter sends checksums of its own, computed once
        request_checksum_calculation="when_required",
        response_checksum_validation="when_supported",
        proxies={},
    )
    make: Any = (session or session_at(place)).client
    return make("s3", endpoint_url=place.endpoint_url, config=config)
