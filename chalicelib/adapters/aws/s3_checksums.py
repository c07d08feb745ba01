"""CRC64NVME, the checksum that S3 keeps over a whole object, and parts that carry theirs along.

S3 joins the checksums of parts into the one of the object. We do the same with ours, so that a
completion states what the whole must be, however its parts travelled. awscrt computes them; it is
loaded with the first byte to send, because the functions that only read or sign go without it.
"""

from __future__ import annotations

import base64
import binascii
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import BinaryIO, Final

from chalicelib.domain.errors import IntegrityFailed, Internal
from chalicelib.ports import Part

CHUNK_BYTES: Final = 1 << 20
_CRC_BYTES: Final = 8
_SEPARATOR: Final = ":"


@dataclass(frozen=True)
class Crc64:
    """Hold the CRC64NVME of some bytes with their number, so that two can be joined."""

    value: int
    size_bytes: int

    @property
    def text(self) -> str:
        """The checksum as S3 writes it."""
        return base64.b64encode(self.value.to_bytes(_CRC_BYTES)).decode()

    def joined(self, following: Crc64) -> Crc64:
        """Return the checksum of these bytes with the following ones behind them."""
        value = _crt().combine_crc64nvme(self.value, following.value, following.size_bytes)
        return Crc64(value, self.size_bytes + following.size_bytes)


def checksum_of(data: bytes | BinaryIO) -> Crc64:
    """Compute over bytes, or over a file from its start; the file is left at its start."""
    if isinstance(data, bytes):
        return Crc64(_crt().crc64nvme(data), len(data))
    return _checksum_of_file(data)


def acknowledged(number: int, checksum: Crc64, etag: str) -> Part:
    """Return a part whose token holds both what S3 named it and what its bytes are."""
    token = etag.strip('"') + _SEPARATOR + checksum.text
    return Part(number, checksum.size_bytes, token)


def stored_etag(part: Part) -> str:
    """Return the name that S3 gave the part."""
    return part.etag.partition(_SEPARATOR)[0]


def checksum_in(part: Part) -> Crc64:
    """Return the checksum a part was acknowledged with; IntegrityFailed for a token not of ours."""
    try:
        value = base64.b64decode(part.etag.partition(_SEPARATOR)[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise _unknown(part) from error
    if len(value) != _CRC_BYTES:
        raise _unknown(part)
    return Crc64(int.from_bytes(value), part.size_bytes)


def whole(parts: Sequence[Part]) -> Crc64:
    """Return the checksum of the object that these parts, in this order, become."""
    total = Crc64(0, 0)
    for part in parts:
        total = total.joined(checksum_in(part))
    return total


def _checksum_of_file(file: BinaryIO) -> Crc64:
    total, crc = 0, 0
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        crc = _crt().crc64nvme(chunk, crc)
        total += len(chunk)
    file.seek(0)
    return Crc64(crc, total)


def _unknown(part: Part) -> IntegrityFailed:
    return IntegrityFailed(f"part {part.number} is not the one that was acknowledged")


def _crt() -> ModuleType:
    try:
        return importlib.import_module("awscrt.checksums")
    except ImportError as error:
        raise Internal(
            "this installation cannot compute CRC64NVME",
            hint="Install Holdfast with its full dependencies (boto3[crt]) where backups run.",
        ) from error
