"""The signed description that lies beside a dump: FILE.manifest.json.

A backup of the service that was downloaded as it lies in the store has `manifest.json` instead, and
its other artefacts beside it under their own names.
"""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from chalicelib.adapters.embedded.signer import FileSigner
from chalicelib.cli.pending_file import read_chunks
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.manifest import (
    Manifest,
    Signature,
    SignedManifest,
    parse_envelope,
    payload_of,
)
from chalicelib.domain.object_keys import MAIN, MANIFEST, SCHEMA_DUMP


class SignedBy(StrEnum):
    """Say whose key made a signature that fits."""

    OURS = "ours"
    ANOTHER = "another"


def manifest_path(file: Path) -> Path:
    """Return where the description of a dump lies."""
    return file.with_name(file.name + ".manifest.json")


def schema_path(file: Path) -> Path:
    """Return where the schema of a data-only dump lies."""
    return file.with_name(file.name + ".schema.dump")


def artefact_path(file: Path, name: str) -> Path:
    """Return where an artefact beside a dump lies."""
    is_of_backup = file.name.startswith(MAIN) and not schema_path(file).exists()
    is_own = name == SCHEMA_DUMP and not is_of_backup
    return schema_path(file) if is_own else file.with_name(name)


def key_path(data: Path, chosen: Path | None) -> Path:
    """Return the file of the signing key: the chosen one, or the data folder's."""
    return chosen or data / "keys" / "signing.key"


def signed(manifest: Manifest, signer: FileSigner) -> bytes:
    """Return the description as it is stored."""
    payload = payload_of(manifest)
    return SignedManifest(payload=payload, signature=signer.sign(payload.encode())).to_bytes()


def beside(file: Path) -> SignedManifest | None:
    """Return the description beside a dump, None when there is none; its signature is unchecked."""
    found = read(manifest_path(file))
    if found is None and file.name.startswith(MAIN):
        return read(file.with_name(MANIFEST))
    return found


def read(path: Path) -> SignedManifest | None:
    """Return the description in a file, None when there is no file."""
    if not path.exists():
        return None
    return parse_envelope(b"".join(read_chunks(path)))


def check_signature(envelope: SignedManifest, key: Path) -> SignedBy:
    """Refuse with IntegrityFailed a signature that does not fit, and say whose key made it.

    One of another key is checked against the public key it brings: that finds damage, but proves
    nothing about who signed.
    """
    payload = envelope.payload.encode()
    # asking for a key would make one, and a check should not leave anything behind
    if key.exists():
        ours = FileSigner(key)
        if ours.sign(b"").key_id == envelope.signature.key_id:
            ours.verify(payload, envelope.signature)
            return SignedBy.OURS
    _check_own_key(payload, envelope.signature)
    return SignedBy.ANOTHER


def _check_own_key(payload: bytes, signature: Signature) -> None:
    try:
        key = load_pem_public_key(signature.public_key.encode())
        if not isinstance(key, Ed25519PublicKey):
            raise IntegrityFailed("the manifest is signed with a kind of key we do not know")
        key.verify(base64.b64decode(signature.value, validate=True), payload)
    except (InvalidSignature, UnsupportedAlgorithm, binascii.Error, ValueError) as error:
        raise IntegrityFailed("the manifest was changed after it was signed") from error
