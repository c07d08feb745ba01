"""Promises of CRC64NVME and of the parts that carry theirs along."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.aws.s3_checksums import (
    CHUNK_BYTES,
    Crc64,
    acknowledged,
    checksum_in,
    checksum_of,
    stored_etag,
    whole,
)
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.ports import Part


def test_the_checksum_is_the_one_of_the_specification() -> None:
    # the check value of CRC-64/NVME over "123456789" in the catalogue of parametrised CRCs
    assert checksum_of(b"123456789") == Crc64(0xAE8B14860A799888, 9)


def test_a_checksum_is_written_as_s3_writes_it() -> None:
    assert checksum_of(b"123456789").text == "rosUhgp5mIg="


@given(pieces=st.lists(st.binary(max_size=100), min_size=1, max_size=8))
def test_the_parts_checksums_join_into_the_one_of_the_whole(pieces: list[bytes]) -> None:
    parts = [acknowledged(n, checksum_of(data), '"e"') for n, data in enumerate(pieces, 1)]

    assert whole(parts) == checksum_of(b"".join(pieces))


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_a_file_has_the_checksum_of_its_bytes(size: int) -> None:
    file = BytesIO(b"x" * size)
    file.seek(size // 2)

    assert checksum_of(file) == checksum_of(b"x" * size)
    assert file.tell() == 0


def test_a_part_holds_the_name_that_s3_gave_it() -> None:
    part = acknowledged(7, checksum_of(b"data"), '"79b281"')

    assert (part.number, part.size_bytes, stored_etag(part)) == (7, 4, "79b281")
    assert checksum_in(part) == checksum_of(b"data")


@pytest.mark.parametrize("token", ["", "79b281", ":", "79b281:", "79b281:AAAA", "a:not base64!"])
def test_a_token_of_somebody_else_is_refused(token: str) -> None:
    with pytest.raises(IntegrityFailed):
        checksum_in(Part(1, 4, token))
