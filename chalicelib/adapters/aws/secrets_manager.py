"""Secrets in Secrets Manager, each one entry under a prefix of the installation.

An entry is JSON that repeats the name it was stored under, so that a value copied to another name
is found out, and any text can be kept: the service itself takes neither empty nor all text.
Deleting is at once and for good: a password of a project that is gone helps nobody.
"""

from __future__ import annotations

import hashlib
import json
import string
from typing import Any, Final, Protocol

from chalicelib.adapters.aws.service_errors import ask_unless
from chalicelib.domain.errors import Conflict, IntegrityFailed, InvalidRequest, NotFound

MAX_ENTRY_BYTES: Final = 65_536
"""What the service takes as a value."""
MAX_NAME_LETTERS: Final = 400
"""The service takes 512; the rest is for the prefix."""

_MISSING: Final = "ResourceNotFoundException"
_EXISTS: Final = "ResourceExistsException"
_GOING: Final = "InvalidRequestException"  # marked for deletion, by somebody at the console
_PLAIN: Final = frozenset((string.ascii_letters + string.digits + "/_+.@-").encode())
_TRIES: Final = 4


class SecretsClient(Protocol):
    """Name the calls made of the client of boto3."""

    def get_secret_value(self, **arguments: object) -> dict[str, Any]:
        """Read a value."""
        ...

    def put_secret_value(self, **arguments: object) -> dict[str, Any]:
        """Replace a value."""
        ...

    def create_secret(self, **arguments: object) -> dict[str, Any]:
        """Store a value under a new name."""
        ...

    def restore_secret(self, **arguments: object) -> dict[str, Any]:
        """Take a deletion back."""
        ...

    def delete_secret(self, **arguments: object) -> dict[str, Any]:
        """Remove a secret."""
        ...


class SecretsManagerSecrets:
    """Keep secrets; the service encrypts them with a KMS key, its own or the one given."""

    def __init__(
        self, client: SecretsClient, prefix: str, *, kms_key_id: str | None = None
    ) -> None:
        """Keep everything under `prefix`, on which the policies of the roles are written."""
        self._client = client
        self._prefix = prefix
        self._key = {} if kms_key_id is None else {"KmsKeyId": kms_key_id}

    def put(self, name: str, value: str) -> None:
        """Store or replace a secret; InvalidRequest when it is larger than the service takes."""
        text = _entry_text(name, value)
        # Each way can be closed by somebody who stores or deletes the same name meanwhile.
        for _ in range(_TRIES):
            if self._replaced(name, text) or self._created(name, text):
                return
            self._restore(name)
        raise Conflict("the secret is being stored and deleted by others at the same time")

    def get(self, name: str) -> str:
        """Return a secret; IntegrityFailed when the entry is not one of this name."""
        answer = ask_unless(
            (_MISSING, _GOING),
            self._client.get_secret_value,
            "read a secret",
            SecretId=self._id(name),
        )
        if answer is None:
            raise NotFound(f"there is no secret {name!r}", hint="Store it again.")
        return _value(name, answer)

    def delete(self, name: str) -> None:
        """Remove a secret at once, without a time in which it could be restored."""
        ask_unless(
            (_MISSING,),
            self._client.delete_secret,
            "delete a secret",
            SecretId=self._id(name),
            ForceDeleteWithoutRecovery=True,
        )

    def _replaced(self, name: str, text: str) -> bool:
        expected = (_MISSING, _GOING)
        arguments = {"SecretId": self._id(name), "SecretString": text}
        put = self._client.put_secret_value
        return ask_unless(expected, put, "store a secret", **arguments) is not None

    def _created(self, name: str, text: str) -> bool:
        expected = (_EXISTS, _GOING)
        arguments = {"Name": self._id(name), "SecretString": text, **self._key}
        create = self._client.create_secret
        return ask_unless(expected, create, "store a secret", **arguments) is not None

    def _restore(self, name: str) -> None:
        # Harmless for a secret that is not being deleted, and the only way back for one that is.
        restore = self._client.restore_secret
        expected = (_MISSING, _GOING)
        ask_unless(expected, restore, "store a secret", SecretId=self._id(name))

    def _id(self, name: str) -> str:
        return self._prefix + encoded_name(name)


def encoded_name(name: str) -> str:
    """Return a name in the letters the service takes; no two names give the same one.

    Letters of ours stand for themselves, other bytes as =XX; what gets too long is a digest.
    """
    data = name.encode("utf-8", "surrogatepass")
    text = "".join(chr(byte) if byte in _PLAIN else f"={byte:02X}" for byte in data)
    if len(text) > MAX_NAME_LETTERS:
        return f"=sha256={hashlib.sha256(data).hexdigest()}"
    return text


def _entry_text(name: str, value: str) -> str:
    # ASCII only: lone surrogates, which no UTF-8 can carry, survive as escapes.
    text = json.dumps({"name": name, "value": value})
    if len(text) > MAX_ENTRY_BYTES:
        raise InvalidRequest(
            f"the secret does not fit into {MAX_ENTRY_BYTES} bytes",
            hint="Store a shorter secret.",
        )
    return text


def _value(name: str, answer: dict[str, Any]) -> str:
    try:
        entry = json.loads(answer["SecretString"])
        if entry.keys() == {"name", "value"} and entry["name"] == name:
            return str(entry["value"])
    except (KeyError, ValueError, AttributeError) as error:
        raise _changed(name) from error
    raise _changed(name)


def _changed(name: str) -> IntegrityFailed:
    return IntegrityFailed(
        f"the secret {name!r} was changed by somebody else", hint="Store it again."
    )
