"""URLs that hand out one object until they expire, without asking who comes.

The signature is an HMAC-SHA256 over key, expiry and file name, with a key of this installation.
Pure: the caller gives the time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from chalicelib.domain.link import SIGNED_FOR, gone


@dataclass(frozen=True)
class SignedObject:
    """Say what a signed URL hands out, and under which file name."""

    key: str
    filename: str


def signed_url(
    base_url: str, target: SignedObject, *, expires_at: datetime, signing_key: bytes
) -> str:
    """Return the URL of an object that works until `expires_at`, rounded down to seconds."""
    expires = str(int(expires_at.timestamp()))
    query = urlencode(
        {
            "expires": expires,
            "filename": target.filename,
            "signature": _signature(target, expires, signing_key),
        },
        quote_via=quote,
    )
    return f"{base_url.rstrip('/')}/objects/{quote(target.key)}?{query}"


def expiry(now: datetime, lifetime: timedelta) -> datetime:
    """Return when a URL expires that is signed now: never later than SIGNED_FOR from now."""
    return now + min(lifetime, SIGNED_FOR)


def check_signed(
    key: str, query: Mapping[str, str], *, now: datetime, signing_key: bytes
) -> SignedObject:
    """Return what the URL hands out; the same NotFound for every URL that does not work.

    `key` is the unquoted rest of the path behind /objects/, `query` the unquoted parameters.
    """
    target = SignedObject(key, query.get("filename", ""))
    expires = query.get("expires", "")
    expected = _signature(target, expires, signing_key)
    given = query.get("signature", "").encode("utf-8", "surrogatepass")
    # First the signature: nothing of a URL that we did not sign is looked at any further.
    if not hmac.compare_digest(expected.encode(), given) or now.timestamp() >= int(expires):
        raise gone()
    return target


def _signature(target: SignedObject, expires: str, signing_key: bytes) -> str:
    # JSON keeps the three apart whatever letters they hold.
    canonical = json.dumps([target.key, expires, target.filename])
    return hmac.new(signing_key, canonical.encode(), hashlib.sha256).hexdigest()
