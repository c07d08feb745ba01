"""What every signer promises."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.manifest import Signature
from chalicelib.ports import Signer

Race = Callable[..., list[str]]

PAYLOAD = b'{"backup_id": "B"}'


def test_a_signature_of_ours_is_taken(signer: Signer) -> None:
    signature = signer.sign(PAYLOAD)

    signer.verify(PAYLOAD, signature)

    assert signature.public_key == signer.public_key


@pytest.mark.parametrize("payload", [b"", PAYLOAD + b" ", PAYLOAD[:-1], PAYLOAD.upper()])
def test_other_bytes_are_refused(signer: Signer, payload: bytes) -> None:
    signature = signer.sign(PAYLOAD)

    with pytest.raises(IntegrityFailed):
        signer.verify(payload, signature)


@pytest.mark.parametrize(
    "change",
    [
        {"value": ""},
        {"value": "no base64!"},
        {"value": base64.b64encode(bytes(64)).decode()},
        {"value": "ü"},
        {"algorithm": "none"},
        {"key_id": "0" * 16},
    ],
)
def test_a_changed_signature_is_refused(signer: Signer, change: dict[str, str]) -> None:
    signature = signer.sign(PAYLOAD).model_copy(update=change)

    with pytest.raises(IntegrityFailed):
        signer.verify(PAYLOAD, signature)


def test_a_valid_signature_of_another_key_is_refused(signer: Signer, other_signer: Signer) -> None:
    with pytest.raises(IntegrityFailed):
        signer.verify(PAYLOAD, other_signer.sign(PAYLOAD))


def test_the_public_key_inside_a_signature_is_not_believed(
    signer: Signer, other_signer: Signer
) -> None:
    ours, theirs = signer.sign(PAYLOAD), other_signer.sign(PAYLOAD)
    forged = ours.model_copy(update={"value": theirs.value, "public_key": theirs.public_key})

    with pytest.raises(IntegrityFailed):
        signer.verify(PAYLOAD, forged)


def test_a_foreign_public_key_inside_changes_nothing(signer: Signer, other_signer: Signer) -> None:
    signature = signer.sign(PAYLOAD)

    changed = signature.model_copy(update={"public_key": other_signer.public_key})

    signer.verify(PAYLOAD, changed)


def test_the_public_key_is_pem(signer: Signer) -> None:
    assert load_pem_public_key(signer.public_key.encode()) is not None


def test_processes_that_make_the_key_at_once_share_one(
    signer: Signer, signer_source: str, race: Race
) -> None:
    body = "print(made.sign(b'payload').model_dump_json())"

    answers = race(signer_source, body, count=4)

    for answer in answers:
        signer.verify(b"payload", Signature.model_validate_json(answer))
