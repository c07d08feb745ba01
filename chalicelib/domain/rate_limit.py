"""How often somebody may call: token buckets, each kept as the moment at which it is full again.

One moment says as much as a count of tokens and the time it was taken at, so that a bucket is one
value that a compare-and-swap can carry.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from chalicelib.domain.errors import RateLimited
from chalicelib.domain.record import Moment, Record

WINDOW: Final = timedelta(minutes=1)
IPV6_NETWORK_BITS: Final = 64
"""What one caller is commonly given: counting single addresses would count nobody twice."""


class Bucket(Record):
    """Keep a bucket that several instances of the service share."""

    kind: ClassVar[str] = "rate-bucket"

    full_at: Moment


@dataclass(frozen=True)
class Limit:
    """Allow `per_minute` calls at once, and the same number again with each minute; 0 is no end."""

    name: str
    per_minute: int

    @property
    def spacing(self) -> timedelta:
        """How long the bucket takes to win one call back."""
        return WINDOW / self.per_minute


def spend(full_at: datetime | None, now: datetime, limit: Limit) -> datetime:
    """Return when the bucket is full again after one more call; RateLimited when it is empty.

    None is a bucket that nobody used yet.
    """
    capacity = limit.spacing * limit.per_minute
    # Only a clock that was set back leaves such a moment; callers are not locked out for it.
    if full_at is None or full_at - now > 2 * WINDOW:
        full_at = now
    after = max(full_at, now) + limit.spacing
    if after - now > capacity:
        raise too_often(after - now - capacity)
    return after


def too_often(wait: timedelta) -> RateLimited:
    """Be the answer to one call too many."""
    seconds = max(1, math.ceil(wait.total_seconds()))
    return RateLimited(
        "too many requests in a short time",
        hint=f"Wait {seconds} s, then send the request again.",
        retry_after_s=str(seconds),
    )


def network_of(address: str) -> str:
    """Return whom an address counts as: itself, or its /64 network; one name for what is none."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    # the same caller, on a socket that serves both families
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))
