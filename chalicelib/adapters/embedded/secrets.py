"""Secrets in one file, each encrypted with AES-256-GCM.

The name goes into the encryption as associated data, so an entry moved to another name fails like
a changed one. The file holds names and ciphertexts as JSON; the key lies in a file of its own.
"""

from __future__ import annotations

import base64
import binascii
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, ValidationError

from chalicelib.adapters.embedded import key_files
from chalicelib.adapters.embedded.disk import make_folder, replace_file, translated
from chalicelib.adapters.embedded.file_lock import locked
from chalicelib.domain.errors import IntegrityFailed, NotFound

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12  # what GCM is made for; random ones do for 2^32 writes under one key
_KEY_HINT: Final = "Put the key file back that was made together with the secrets file."


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = 1
    secrets: dict[str, str] = {}


class FileSecrets:
    """Keep secrets in a file; any number of threads and processes may use it at once."""

    def __init__(self, path: Path, key_path: Path) -> None:
        """Name the two files; they are made when the first secret is put."""
        self._path = path
        self._key_path = key_path

    def put(self, name: str, value: str) -> None:
        """Store or replace a secret, durably."""
        with translated("cannot write the secrets file"):
            make_folder(self._path.parent)
            with self._locked():
                stored = self._read()
                key = self._key() if stored.secrets else self._first_key()
                stored.secrets[_entry(name)] = _encrypted(key, name, value)
                self._write(stored)

    def get(self, name: str) -> str:
        """Return a secret; NotFound when there is none, IntegrityFailed when it was tampered."""
        with translated("cannot read the secrets file"):
            entry = self._read().secrets.get(_entry(name))
        if entry is None:
            raise NotFound(f"there is no secret {name!r}", hint="Store it again.")
        return _decrypted(self._key(), name, entry)

    def delete(self, name: str) -> None:
        """Remove a secret; a missing one is fine."""
        if not self._path.exists():
            return
        with translated("cannot write the secrets file"), self._locked():
            stored = self._read()
            if stored.secrets.pop(_entry(name), None) is not None:
                self._write(stored)

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self._path.with_name(self._path.name + ".lock"))

    def _read(self) -> _Stored:
        try:
            return _Stored.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return _Stored()
        except ValidationError as error:
            raise IntegrityFailed(
                "the secrets file cannot be read", hint="Put an earlier copy of it in place."
            ) from error

    def _write(self, stored: _Stored) -> None:
        replace_file(self._path, stored.model_dump_json(indent=1).encode())

    def _first_key(self) -> bytes:
        return _checked(key_files.load_or_make(self._key_path, lambda: os.urandom(KEY_BYTES)))

    def _key(self) -> bytes:
        # A missing key is not made anew: it would hide that the stored secrets are lost.
        key = key_files.load(self._key_path)
        if key is None:
            raise IntegrityFailed("the key file of the secrets is missing", hint=_KEY_HINT)
        return _checked(key)


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise IntegrityFailed("the key file of the secrets does not hold a key", hint=_KEY_HINT)
    return key


def _entry(name: str) -> str:
    # JSON text takes no lone surrogates, names may come from file names or arguments.
    return name.encode("utf-8", "backslashreplace").decode()


def _encrypted(key: bytes, name: str, value: str) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    plain = value.encode("utf-8", "surrogatepass")
    sealed = AESGCM(key).encrypt(nonce, plain, _entry(name).encode())
    return base64.b64encode(nonce + sealed).decode()


def _decrypted(key: bytes, name: str, entry: str) -> str:
    try:
        data = base64.b64decode(entry, validate=True)
        nonce, sealed = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        plain = AESGCM(key).decrypt(nonce, sealed, _entry(name).encode())
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise IntegrityFailed(
            f"the secret {name!r} was changed, or belongs to another key", hint=_KEY_HINT
        ) from error
    return plain.decode("utf-8", "surrogatepass")
