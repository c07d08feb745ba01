"""Copy an object inside a bucket: in one request up to S3's limit, above it range by range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from chalicelib.adapters.aws.s3_errors import translated
from chalicelib.adapters.aws.s3_settings import Arguments, S3Settings
from chalicelib.ports import StoredObject

_IF_FREE: Final = {"IfNoneMatch": "*"}


@dataclass(frozen=True)
class Copying:
    """Copy one object under a new key; `keeping` is what new objects are made with."""

    client: Any
    settings: S3Settings
    source: StoredObject
    new_key: str
    keeping: Arguments

    @property
    def doing(self) -> str:
        """What this does, for messages."""
        return f"copy {self.source.key}"

    def run(self) -> None:
        """Make the copy, if its key is free."""
        if self.source.size_bytes <= self.settings.limits.max_part_bytes:
            self._at_once()
        else:
            self._in_ranges()

    def _at_once(self) -> None:
        with translated(self.doing):
            self.client.copy_object(
                **self._target,
                **self._from,
                **self.keeping,
                **_IF_FREE,
                ChecksumAlgorithm="CRC64NVME",
            )

    def _in_ranges(self) -> None:
        with translated(self.doing):
            begun = self.client.create_multipart_upload(
                **self._target,
                **self.keeping,
                ChecksumAlgorithm="CRC64NVME",
                ChecksumType="FULL_OBJECT",
            )
        upload = self._target | {"UploadId": begun["UploadId"]}
        try:
            with translated(self.doing):
                self.client.complete_multipart_upload(
                    **upload,
                    **_IF_FREE,
                    MultipartUpload={"Parts": self._parts(upload)},
                    ChecksumType="FULL_OBJECT",
                    MpuObjectSize=self.source.size_bytes,
                )
        except BaseException:
            with translated(f"drop an upload of {self.new_key}"):
                self.client.abort_multipart_upload(**upload)
            raise

    def _parts(self, upload: Arguments) -> list[Arguments]:
        size_bytes, step = self.source.size_bytes, self.settings.limits.max_part_bytes
        parts = []
        for number, start in enumerate(range(0, size_bytes, step), start=1):
            last = min(start + step, size_bytes) - 1
            answer = self.client.upload_part_copy(
                **upload, **self._from, PartNumber=number, CopySourceRange=f"bytes={start}-{last}"
            )
            result = answer["CopyPartResult"]
            told = ("ETag", "ChecksumCRC64NVME")
            parts.append({"PartNumber": number} | {k: result[k] for k in told if k in result})
        return parts

    @property
    def _target(self) -> Arguments:
        return self.settings.place() | {"Key": self.settings.prefix + self.new_key}

    @property
    def _from(self) -> Arguments:
        source = {"Bucket": self.settings.bucket, "Key": self.settings.prefix + self.source.key}
        if self.settings.bucket_owner is None:
            return {"CopySource": source}
        return {"CopySource": source, "ExpectedSourceBucketOwner": self.settings.bucket_owner}
