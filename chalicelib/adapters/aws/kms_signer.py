"""Signatures by a key that never leaves KMS, checked offline with a pinned public key.

The public key is pinned when the stack is deployed: it stands in the settings, outside the store,
and in each RECOVERY.md. Whoever may write to the bucket, or swap the key behind an alias, cannot
make a signature that passes here.

ECDSA over SHA-256 on the curve P-256: KMS signs a digest, so manifests of any length do, and stock
openssl checks the result. For Ed25519 it takes raw messages of at most 4,096 bytes only; Ed25519ph,
which takes digests, is known to few tools.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from chalicelib.adapters.aws.service_errors import ask
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.manifest import Signature

ALGORITHM: Final = "ecdsa-p256-sha256"
KEY_SPEC: Final = "ECC_NIST_P256"
SIGNING_ALGORITHM: Final = "ECDSA_SHA_256"
KEY_ID_LETTERS: Final = 16
"""Hex digits of the public key's SHA-256 that name a key, as for keys in files."""

_PIN_HINT: Final = "Pin the public key of the signing key again, if you changed it yourself."


class KmsClient(Protocol):
    """Name the calls made of the client of boto3."""

    def sign(self, **arguments: object) -> dict[str, Any]:
        """Sign a digest."""
        ...

    def get_public_key(self, **arguments: object) -> dict[str, Any]:
        """Return the public half of a key."""
        ...


class KmsSigner:
    """Sign through KMS and check against the pinned key; checking sends nothing."""

    def __init__(self, client: KmsClient, key_id: str, pinned_public_key: str) -> None:
        """Name the KMS key and its public half as PEM; IntegrityFailed when that is no such key."""
        self._client = client
        self._key_id = key_id
        self._pinned = _loaded(pinned_public_key)

    def sign(self, payload: bytes) -> Signature:
        """Return the signature; IntegrityFailed when KMS holds another key than the pinned one."""
        answer = ask(
            self._client.sign,
            "sign",
            KeyId=self._key_id,
            Message=hashlib.sha256(payload).digest(),
            MessageType="DIGEST",
            SigningAlgorithm=SIGNING_ALGORITHM,
        )
        self._check_pin(payload, answer["Signature"])
        return Signature(
            algorithm=ALGORITHM,
            key_id=_name(self._pinned),
            value=base64.b64encode(answer["Signature"]).decode(),
            public_key=self.public_key,
        )

    def verify(self, payload: bytes, signature: Signature) -> None:
        """Refuse with IntegrityFailed unless the pinned key signed exactly these bytes."""
        ours = _name(self._pinned)
        if (signature.algorithm, signature.key_id) != (ALGORITHM, ours):
            raise IntegrityFailed(
                f"the signature was made with another key than {ours}",
                hint="Check it on the installation that made the backup.",
            )
        try:
            value = base64.b64decode(signature.value, validate=True)
            self._pinned.verify(value, payload, ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise IntegrityFailed("the signature does not fit what it should cover") from error

    @property
    def public_key(self) -> str:
        """The pinned public key as PEM."""
        return _pem(self._pinned)

    def _check_pin(self, payload: bytes, value: bytes) -> None:
        # A signature that our own check would refuse must never seal a backup.
        try:
            self._pinned.verify(value, payload, ECDSA(SHA256()))
        except InvalidSignature as error:
            raise IntegrityFailed(
                "the signing key in KMS is not the one that was pinned", hint=_PIN_HINT
            ) from error


def fetch_public_key(client: KmsClient, key_id: str) -> str:
    """Ask KMS for the public key as PEM, to pin it; IntegrityFailed for another kind of key."""
    answer = ask(client.get_public_key, "read the public signing key", KeyId=key_id)
    try:
        return _pem(_required(load_der_public_key(answer["PublicKey"])))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key() from error


def _loaded(pem: str) -> EllipticCurvePublicKey:
    try:
        return _required(load_pem_public_key(pem.encode()))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key() from error


def _required(key: object) -> EllipticCurvePublicKey:
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise _no_key()
    return key


def _no_key() -> IntegrityFailed:
    return IntegrityFailed("the signing key is not an ECDSA key on P-256", hint=_PIN_HINT)


def _pem(key: EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _name(key: EllipticCurvePublicKey) -> str:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:KEY_ID_LETTERS]
