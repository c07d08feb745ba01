"""A session: a browser that showed an API key once, and what it may do until it ends."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import ClassVar, Final

from chalicelib.domain.record import Moment, Record

LIFETIME: Final = timedelta(hours=12)
"""A working day: whoever comes back tomorrow shows the key again."""


class Session(Record):
    """A sign-in as it is stored: whose key, until when, and the SHA-256 of its secret.

    Rights are not copied: they are those of the key at each request, so that a key which is
    revoked or expires ends its sessions too.
    """

    kind: ClassVar[str] = "session"

    key_id: str
    secret_sha256: str
    created_at: Moment
    expires_at: Moment


def csrf_token(secret: str) -> str:
    """Return what every form of a session carries: only a page of ours can know it."""
    return hmac.new(secret.encode(), b"holdfast csrf", hashlib.sha256).hexdigest()
