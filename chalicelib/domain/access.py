"""Who may do what: API keys, their roles, and how far they reach."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import ClassVar, Final

from chalicelib.domain.backup import Name
from chalicelib.domain.record import Moment, Record

TOKEN_PREFIX: Final = "hf"  # noqa: S105 - a public mark, so that scanners know our tokens


class Role(StrEnum):
    """Name how much a key may do; each role may do all that the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """The place in the order of roles."""
        return list(Role).index(self)


class TokenProblem(IntEnum):
    """Say why a token was not taken; callers only ever hear `unauthenticated`."""

    MALFORMED = 1
    UNKNOWN = 2
    REVOKED = 3
    EXPIRED = 4


class ApiKey(Record):
    """A key as it is stored: never the secret, only its SHA-256.

    The secret has 256 random bits, so a fast hash is enough. `projects` None reaches all.
    """

    kind: ClassVar[str] = "api-key"

    name: Name
    role: Role
    projects: tuple[str, ...] | None = None
    secret_sha256: str
    created_at: Moment
    created_by: str
    expires_at: Moment | None = None
    revoked_at: Moment | None = None


@dataclass(frozen=True)
class Actor:
    """Say on whose behalf something happens."""

    name: str
    role: Role
    projects: tuple[str, ...] | None = None

    def may(self, role: Role) -> bool:
        """Tell whether the actor's role reaches this far."""
        return self.role.rank >= role.rank

    def sees(self, project_id: str) -> bool:
        """Tell whether the project is in the actor's sight."""
        return self.projects is None or project_id in self.projects


def new_secret() -> str:
    """Make 256 random bits in URL-safe letters."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """Return the form of a secret that may be stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, stored_sha256: str) -> bool:
    """Compare in time that does not depend on where the two differ."""
    return hmac.compare_digest(hashed(secret), stored_sha256)


def join_token(key_id: str, secret: str) -> str:
    """Write a key's token as its owner sees it, once."""
    return f"{TOKEN_PREFIX}_{key_id}_{secret}"


def split_token(token: str) -> tuple[str, str] | None:
    """Return (key id, secret), or None when it is no token of ours."""
    prefix, _, rest = token.partition("_")
    # an id has no _, a secret may have some
    key_id, _, secret = rest.partition("_")
    if prefix != TOKEN_PREFIX or not key_id or not secret or not token.isascii():
        return None
    return key_id, secret
