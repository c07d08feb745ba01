"""Ask again after what passes by itself: a refusal for now, or an answer that got lost.

A server tells by Retry-After when to come back. Who is told to wait for longer than MAX_PAUSE_S
gives up at once: to come earlier is to be refused again.
"""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

import httpx

T = TypeVar("T")

TRIES: Final = 5
FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 60.0


def current_time() -> datetime:
    """Return the time, which an answer may name instead of seconds."""
    return datetime.now(UTC)


def patiently(
    work: Callable[[], T],
    passes: Callable[[httpx.HTTPError], bool],
    pause: Callable[[float], object],
    now: Callable[[], datetime] = current_time,
) -> T:
    """Return what `work` returns; raise its last error when that does not pass, or not in time.

    `passes` tells of an error whether another try may help and does no harm; `pause` waits so many
    seconds, and ends it all by raising.
    """
    for tried in range(1, TRIES):
        try:
            return work()
        except httpx.HTTPError as error:
            wait_s = _asked_for(error, now()) or FIRST_PAUSE_S * 2 ** (tried - 1)
            if wait_s > MAX_PAUSE_S or not passes(error):
                raise
        pause(wait_s)
    return work()


def _asked_for(error: httpx.HTTPError, now: datetime) -> float | None:
    """Return the seconds that a refusal asks to wait: a number, or a date; None for neither."""
    if not isinstance(error, httpx.HTTPStatusError):
        return None
    said = error.response.headers.get("retry-after", "")
    if said.isdecimal():
        return float(said)
    try:
        return max((email.utils.parsedate_to_datetime(said) - now).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None
