"""Signatures with an Ed25519 key in a file."""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from chalicelib.adapters.embedded import key_files
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.manifest import Signature

ALGORITHM: Final = "ed25519"
KEY_ID_LETTERS: Final = 16
"""Hex digits of the public key's SHA-256 that name a key."""


class FileSigner:
    """Sign with the private key in a file, which is made on first use."""

    def __init__(self, key_path: Path) -> None:
        """Name the key file."""
        self._key_path = key_path

    def sign(self, payload: bytes) -> Signature:
        """Return the signature over exactly these bytes."""
        return Signature(
            algorithm=ALGORITHM,
            key_id=_key_id(self._key.public_key()),
            value=base64.b64encode(self._key.sign(payload)).decode(),
            public_key=self.public_key,
        )

    def verify(self, payload: bytes, signature: Signature) -> None:
        """Refuse with IntegrityFailed unless our own key signed exactly these bytes."""
        ours = self._key.public_key()
        if (signature.algorithm, signature.key_id) != (ALGORITHM, _key_id(ours)):
            raise IntegrityFailed(
                f"the signature was made with another key than {_key_id(ours)}",
                hint="Check it on the installation that made the backup.",
            )
        try:
            ours.verify(base64.b64decode(signature.value, validate=True), payload)
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise IntegrityFailed("the signature does not fit what it should cover") from error

    @property
    def public_key(self) -> str:
        """The public key as PEM."""
        form = PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(Encoding.PEM, form).decode()

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        pem = key_files.load_or_make(self._key_path, _new_pem)
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _no_key(self._key_path) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise _no_key(self._key_path)
        return key


def _new_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def _key_id(key: Ed25519PublicKey) -> str:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:KEY_ID_LETTERS]


def _no_key(path: Path) -> IntegrityFailed:
    return IntegrityFailed(
        f"the key file {path.name} does not hold an Ed25519 key",
        hint="Put the key file back that signed the manifests.",
    )
