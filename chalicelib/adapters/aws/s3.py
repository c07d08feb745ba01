"""The object store in an S3 bucket.

Every object is a multipart upload or one PUT, made only if its key is free, with CRC64NVME over
each part and over the whole. S3 may carry a completion out and lose the answer on the way: such an
end is settled by asking what lies under the key, whether the upload is still open, and whether
size and checksum are the ones that were to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from io import SEEK_END
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from chalicelib.adapters.aws.s3_checksums import (
    CHUNK_BYTES,
    Crc64,
    acknowledged,
    checksum_in,
    checksum_of,
    stored_etag,
    whole,
)
from chalicelib.adapters.aws.s3_copies import Copying
from chalicelib.adapters.aws.s3_errors import (
    EXISTS,
    NO_OBJECT,
    NO_UPLOAD,
    refused_range,
    translated,
)
from chalicelib.adapters.aws.s3_settings import Arguments, S3Settings
from chalicelib.adapters.aws.service_errors import failure
from chalicelib.adapters.store_rules import (
    check_part,
    check_range,
    checked_segments,
    in_order,
    is_key,
)
from chalicelib.domain.errors import (
    Conflict,
    HoldfastError,
    IntegrityFailed,
    Internal,
    NotFound,
    StorageFailed,
)
from chalicelib.domain.link import SIGNED_FOR
from chalicelib.ports import Clock, Part, PartData, StoredObject, Upload

ABORTS: Final = 10
"""How often an upload is aborted again while parts of it are still seen."""

_SIGV4: Final = "X-Amz-Algorithm=AWS4-HMAC-SHA256"
_CRC: Final = {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}
_IF_FREE: Final = {"IfNoneMatch": "*"}


class S3ObjectStore:
    """Keep objects in a bucket; threads share the store, processes the bucket."""

    def __init__(self, client: Any, settings: S3Settings, clock: Clock) -> None:
        """Use a client of `s3_client`; the clock dates object locks."""
        self._client = client
        self.settings = settings
        self._clock = clock
        self.limits = settings.limits

    def begin(self, key: str, *, content_type: str) -> Upload:
        """Open a multipart upload with the settings' encryption, class and lock."""
        arguments = self._at(key) | self.settings.keeping(self._clock.now())
        with translated(f"begin {key}"):
            answer = self._client.create_multipart_upload(
                **arguments, **_CRC, ContentType=content_type
            )
        return Upload(key, answer["UploadId"])

    def upload_part(self, upload: Upload, number: int, data: PartData) -> Part:
        """Store a part with its checksum, which S3 compares with the bytes that arrive."""
        if isinstance(data, memoryview):
            data = bytes(data)  # botocore takes no views
        check_part(number, _size_bytes(data), self.limits)
        checksum = checksum_of(data)
        with translated(f"store part {number} of {upload.key}"):
            answer = self._client.upload_part(
                **self._of(upload), PartNumber=number, Body=data, ChecksumCRC64NVME=checksum.text
            )
        return acknowledged(number, checksum, answer["ETag"])

    def complete(self, upload: Upload, parts: Sequence[Part], *, size_bytes: int) -> StoredObject:
        """Join the parts; an answer that was lost is settled by what the bucket holds."""
        ordered = in_order(parts)
        wanted = self._whole(upload, ordered)
        if wanted.size_bytes != size_bytes:
            raise IntegrityFailed(f"the parts have {wanted.size_bytes} bytes, not {size_bytes}")
        try:
            self._complete(upload, ordered, wanted)
        except (Conflict, NotFound, StorageFailed) as error:
            if not self._was_completed(upload, wanted, error):
                raise
        return StoredObject(upload.key, size_bytes)

    def abort(self, upload: Upload) -> None:
        """Drop an upload, again until none of its parts is seen: one may land behind an abort."""
        for _ in range(ABORTS):
            try:
                with translated(f"drop an upload of {upload.key}"):
                    self._client.abort_multipart_upload(**self._of(upload))
                if not self._has_parts(upload):
                    return
            except NotFound:
                return
        raise StorageFailed(f"parts of a dropped upload of {upload.key} do not go away")

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """List the uploads under way."""
        for page in self._pages("list_multipart_uploads", prefix):
            for found in page.get("Uploads", ()):
                yield Upload(self._without_prefix(found["Key"]), found["UploadId"])

    def put(self, key: str, data: bytes, *, content_type: str) -> StoredObject:
        """Store a small object if its key is free; a lost answer is settled as for `complete`."""
        checksum = checksum_of(data)
        arguments = self._at(key) | self.settings.keeping(self._clock.now())
        try:
            with translated(f"store {key}"):
                self._client.put_object(
                    **arguments,
                    **_IF_FREE,
                    Body=data,
                    ContentType=content_type,
                    ChecksumCRC64NVME=checksum.text,
                )
        except StorageFailed as error:
            if not self._was_put(key, checksum, error):
                raise
        return StoredObject(key, len(data))

    def head(self, key: str) -> StoredObject:
        """Describe an object; NotFound when it is not there, but its bucket is."""
        try:
            with translated(f"look at {key}"):
                answer = self._client.head_object(**self._at(key))
        except NotFound:
            # to HEAD, a missing bucket looks like a missing object
            self._require_bucket()
            raise
        return StoredObject(key, answer["ContentLength"])

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of a range; of a whole object, botocore compares the checksum too."""
        check_range(start, end)
        if end == start:
            self.head(key)
            return
        body = self._opened(key, _range(start, end))
        if body is None:
            return
        with closing(body), translated(f"read {key}"):
            yield from body.iter_chunks(CHUNK_BYTES)

    def keys(self, prefix: str) -> Iterator[str]:
        """List the keys below a prefix, sorted here: not every server sorts them as S3 does."""
        pages = self._pages("list_objects_v2", prefix)
        found = [item["Key"] for page in pages for item in page.get("Contents", ())]
        yield from sorted(self._without_prefix(key) for key in found)

    def copy(self, key: str, new_key: str) -> StoredObject:
        """Copy inside the bucket, then hold size and checksum of the copy against the source's.

        An answer that was lost is settled by what the bucket holds.
        """
        self._at(new_key)
        found = self._found(key)
        if found is None:
            self._require_bucket()
            raise failure(NO_OBJECT, f"copy {key}")
        source = StoredObject(key, found[0])
        keeping = self.settings.keeping(self._clock.now())
        try:
            Copying(self._client, self.settings, source, new_key, keeping).run()
        except StorageFailed:
            if self._found(new_key) != found:
                raise
        if self._found(new_key) != found:
            raise IntegrityFailed(f"the copy of {key} is not what was copied")
        return StoredObject(new_key, found[0])

    def delete(self, key: str) -> None:
        """Remove an object; with versioning, its current version becomes a past one."""
        with translated(f"delete {key}"):
            self._client.delete_object(**self._at(key))

    def presign(self, key: str, *, filename: str, lifetime: timedelta, now: datetime) -> str:
        """Return a URL signed with SigV4 for 15 minutes at most, from this machine's time on.

        It works no longer than the credentials it was signed with.
        """
        del now  # botocore dates its signatures itself
        seconds = max(1, int(min(lifetime, SIGNED_FOR).total_seconds()))
        parameters = self._at(key) | {"ResponseContentDisposition": _attachment(filename)}
        # botocore signs it as a header, and whoever follows a link sends no header of ours
        parameters.pop("ExpectedBucketOwner", None)
        with translated(f"sign a link to {key}"):
            url: str = self._client.generate_presigned_url(
                "get_object", Params=parameters, ExpiresIn=seconds
            )
        if _SIGV4 not in url:
            # botocore falls back to SigV2, which knows no limit, for clients made without a version
            raise Internal("links are signed with SigV4 only")
        return url

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    # -- completing ----------------------------------------------------------------------------

    def _whole(self, upload: Upload, ordered: Sequence[Part]) -> Crc64:
        try:
            return whole(ordered)
        except IntegrityFailed:
            self._has_parts(upload)  # of an unknown upload, no part was ever acknowledged
            raise

    def _complete(self, upload: Upload, ordered: Sequence[Part], wanted: Crc64) -> None:
        named = [
            {
                "PartNumber": part.number,
                "ETag": stored_etag(part),
                "ChecksumCRC64NVME": checksum_in(part).text,
            }
            for part in ordered
        ]
        with translated(f"complete {upload.key}"):
            self._client.complete_multipart_upload(
                **self._of(upload),
                **_IF_FREE,
                MultipartUpload={"Parts": named},
                ChecksumType="FULL_OBJECT",
                ChecksumCRC64NVME=wanted.text,
                MpuObjectSize=wanted.size_bytes,
            )

    def _was_completed(self, upload: Upload, wanted: Crc64, error: HoldfastError) -> bool:
        found = self._found(upload.key)
        if found is None:
            return False
        if self._is_open(upload):
            raise _exists(upload.key) from error
        if found != _wanted(wanted):
            # the upload was dropped, and the object is somebody else's
            raise failure(NO_UPLOAD, f"complete {upload.key}") from error
        return True

    def _was_put(self, key: str, wanted: Crc64, error: HoldfastError) -> bool:
        found = self._found(key)
        if found is not None and found != _wanted(wanted):
            raise _exists(key) from error
        return found is not None

    def _found(self, key: str) -> tuple[int, str | None] | None:
        try:
            with translated(f"look at {key}"):
                answer = self._client.head_object(**self._at(key), ChecksumMode="ENABLED")
        except NotFound:
            return None
        return answer["ContentLength"], answer.get("ChecksumCRC64NVME")

    def _is_open(self, upload: Upload) -> bool:
        try:
            self._has_parts(upload)
        except NotFound:
            return False
        return True

    def _has_parts(self, upload: Upload) -> bool:
        with translated(f"list the parts of {upload.key}"):
            return bool(self._client.list_parts(**self._of(upload), MaxParts=1).get("Parts"))

    # -- asking --------------------------------------------------------------------------------

    def _opened(self, key: str, wanted: Arguments) -> Any:
        try:
            with translated(f"read {key}"):
                return self._client.get_object(**self._at(key), **wanted)["Body"]
        except HoldfastError as error:
            if refused_range(error):
                return None  # there is nothing behind the end
            raise

    def _require_bucket(self) -> None:
        try:
            with translated("look at the bucket"):
                self._client.head_bucket(**self.settings.place())
        except NotFound as error:
            raise StorageFailed(
                "the bucket is not there",
                hint="Check the bucket's name and region in the settings.",
            ) from error

    def _pages(self, operation: str, prefix: str) -> Iterator[Arguments]:
        parent = prefix.rpartition("/")[0]
        if "/" in prefix and not is_key(parent):
            return  # no object can lie there
        paginator = self._client.get_paginator(operation)
        with translated("list the bucket"):
            yield from paginator.paginate(
                **self.settings.place(), Prefix=self.settings.prefix + prefix
            )

    def _at(self, key: str) -> Arguments:
        checked_segments(key)
        return self.settings.place() | {"Key": self.settings.prefix + key}

    def _of(self, upload: Upload) -> Arguments:
        return self._at(upload.key) | {"UploadId": upload.upload_id}

    def _without_prefix(self, key: str) -> str:
        return key.removeprefix(self.settings.prefix)


def _size_bytes(data: bytes | BinaryIO) -> int:
    return len(data) if isinstance(data, bytes) else data.seek(0, SEEK_END)


def _wanted(checksum: Crc64) -> tuple[int, str]:
    return checksum.size_bytes, checksum.text


def _range(start: int, end: int | None) -> Arguments:
    if start == 0 and end is None:
        # no range: only then does S3 send the checksum of the whole
        return {"ChecksumMode": "ENABLED"}
    last = "" if end is None else str(end - 1)
    return {"Range": f"bytes={start}-{last}"}


def _attachment(filename: str) -> str:
    plain = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _exists(key: str) -> HoldfastError:
    return failure(EXISTS, f"make {key}")
