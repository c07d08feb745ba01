"""Bring one stream into a bucket, ours or boto3's way, and say what it took.

    python -m tests.bench.upload_once ENDPOINT ours|boto3 MEGABYTES

A program of its own, so that the peak memory it prints is that of this upload alone.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import uuid
from typing import Final

from chalicelib.adapters.aws.clients import Place
from chalicelib.adapters.aws.clients import client as aws_client
from chalicelib.adapters.aws.s3 import S3ObjectStore
from chalicelib.adapters.aws.s3_settings import S3Settings, s3_client
from chalicelib.adapters.system import SystemClock
from chalicelib.services.artefact_upload import ArtefactUpload
from tests.support.seaweedfs import BUCKET, KEYS, REGION

CHUNK_BYTES: Final = 1 << 18
"""What the engine hands on at a time."""


class Stream:
    """A stream that cannot be rewound and never has the same megabyte twice."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes
        self._noise = os.urandom(CHUNK_BYTES)

    def read(self, wanted: int = -1) -> bytes:
        count = self._left if wanted < 0 else min(wanted, self._left)
        self._left -= count
        pieces, rest = divmod(count, CHUNK_BYTES)
        mark = self._left.to_bytes(8)
        return mark[: min(8, count)] + (self._noise * pieces + self._noise[:rest])[8:count]


def ours(place: Place, size_bytes: int) -> None:
    """Upload as a worker does, hashed and in parts."""
    store = S3ObjectStore(s3_client(place), S3Settings(BUCKET), SystemClock())
    key = uuid.uuid4().hex
    upload = ArtefactUpload(store, key, "database.dump")
    stream = Stream(size_bytes)
    while chunk := stream.read(CHUNK_BYTES):
        upload.write(chunk)
    upload.finish()
    store.delete(key)
    store.close()


def boto3(place: Place, size_bytes: int) -> None:
    """Upload with boto3's own transfer manager and checksums, as they come."""
    client = aws_client("s3", place)
    key = uuid.uuid4().hex
    client.upload_fileobj(Stream(size_bytes), BUCKET, key)
    client.delete_object(Bucket=BUCKET, Key=key)
    client.close()


def main() -> None:
    """Run one upload and print its seconds and peak memory as JSON."""
    endpoint, way, megabytes = sys.argv[1:]
    upload = {"ours": ours, "boto3": boto3}[way]
    began = time.perf_counter()
    upload(Place(REGION, endpoint, KEYS), int(megabytes) * 1_000_000)
    seconds = time.perf_counter() - began
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "rss_mb": rss_mb}))


if __name__ == "__main__":
    main()
