"""What signatures by KMS promise beyond the contract."""

from __future__ import annotations

import base64
import inspect
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.adapters.aws.kms_signer import KmsSigner, fetch_public_key
from chalicelib.domain import recovery
from chalicelib.domain.errors import IntegrityFailed, StorageFailed
from tests.support.ministack import Ministack, ministack_of

Key = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
VERIFY = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in payload -sigfile signature"
LARGE = b"x" * 100_000  # beyond what KMS takes as a message


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Ministack:
    return ministack_of(request.config)


@pytest.fixture
def kms(server: Ministack) -> Any:
    return server.client("kms")


def signer(server: Ministack) -> KmsSigner:
    kms, key_id = server.client("kms"), server.new_signing_key()
    return KmsSigner(kms, key_id, fetch_public_key(kms, key_id))


def pem(key: Key) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize("payload", [b"", b"{}", LARGE], ids=["empty", "small", "large"])
def test_stock_openssl_checks_a_signature(
    server: Ministack, tmp_path: Path, payload: bytes
) -> None:
    made = signer(server)
    signature = made.sign(payload)
    (tmp_path / "key.pem").write_text(signature.public_key)
    (tmp_path / "payload").write_bytes(payload)
    (tmp_path / "signature").write_bytes(base64.b64decode(signature.value))

    checked = subprocess.run(
        shlex.split(VERIFY),
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr


def test_the_check_is_the_one_that_recovery_md_tells() -> None:
    assert VERIFY in inspect.getsource(recovery)


def test_a_key_that_is_not_the_pinned_one_signs_nothing(server: Ministack, kms: Any) -> None:
    pinned = fetch_public_key(kms, server.new_signing_key())

    swapped = KmsSigner(kms, server.new_signing_key(), pinned)

    with pytest.raises(IntegrityFailed, match="pinned"):
        swapped.sign(b"payload")


def test_checking_needs_no_service(server: Ministack) -> None:
    made = signer(server)
    signature = made.sign(b"payload")
    nobody: Any = None

    offline = KmsSigner(nobody, "no key", made.public_key)

    offline.verify(b"payload", signature)
    with pytest.raises(IntegrityFailed):
        offline.verify(b"other", signature)


@pytest.mark.parametrize(
    "pinned",
    [
        "",
        "no pem",
        pem(ec.generate_private_key(ec.SECP384R1()).public_key()),
        pem(ed25519.Ed25519PrivateKey.generate().public_key()),
    ],
    ids=["empty", "text", "P-384", "Ed25519"],
)
def test_only_a_key_of_the_kind_can_be_pinned(pinned: str) -> None:
    nobody: Any = None

    with pytest.raises(IntegrityFailed):
        KmsSigner(nobody, "key", pinned)


def test_a_key_of_another_kind_is_not_fetched(server: Ministack, kms: Any) -> None:
    key_id = server.new_signing_key("RSA_2048")

    with pytest.raises(IntegrityFailed):
        fetch_public_key(kms, key_id)


def test_a_missing_key_is_a_storage_failure(server: Ministack, kms: Any) -> None:
    pinned = signer(server).public_key

    with pytest.raises(StorageFailed):
        KmsSigner(kms, "00000000-0000-0000-0000-000000000000", pinned).sign(b"payload")
