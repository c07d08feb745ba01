"""Who called how often: cheap requests counted in this process, dear ones in the catalog.

A write per read would cost more than most reads, so these are limited per instance: a fleet of
functions lets through as many times more as there are of them. What starts work or hands out
data is limited exactly, over all instances, by one conditional write each.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from chalicelib.domain.access import Actor
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.rate_limit import Bucket, Limit, network_of, spend, too_often
from chalicelib.domain.record import Insert, Replace
from chalicelib.ports import Catalog, Clock

MAX_BUCKETS: Final = 10_000
"""About 2 MB. Beyond it the one that was unused longest is forgotten, which is to say full."""

MAX_TRIES: Final = 16
"""Whoever loses this often to calls with the same key is one of too many at once."""


class LocalBuckets:
    """Keep buckets in this process, for all of its threads."""

    def __init__(self, clock: Clock) -> None:
        """Begin with every bucket full."""
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at: OrderedDict[str, datetime] = OrderedDict()

    def spend(self, limit: Limit, whom: str) -> None:
        """Count one call; RateLimited when there was one too many."""
        name = f"{limit.name}:{whom}"
        with self._lock:
            after = spend(self._full_at.get(name), self._clock.now(), limit)
            self._full_at[name] = after
            self._full_at.move_to_end(name)
            if len(self._full_at) > MAX_BUCKETS:
                self._full_at.popitem(last=False)


class SharedBuckets:
    """Keep buckets in the catalog, for all instances of the service."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        """Keep the parts."""
        self._catalog = catalog
        self._clock = clock
        # Threads of one process need not race each other for a revision.
        self._lock = threading.Lock()

    def spend(self, limit: Limit, whom: str) -> None:
        """Count one call; RateLimited when there was one too many."""
        bucket_id = f"{limit.name}:{whom}"
        with self._lock:
            for _ in range(MAX_TRIES):
                if self._try(limit, bucket_id):
                    return
        raise too_often(timedelta(0))

    def _try(self, limit: Limit, bucket_id: str) -> bool:
        bucket = self._find(bucket_id)
        after = spend(bucket.full_at if bucket else None, self._clock.now(), limit)
        write = (
            Replace(bucket.model_copy(update={"full_at": after}))
            if bucket
            else Insert(Bucket(id=bucket_id, full_at=after))
        )
        try:
            self._catalog.commit([write])
        except Conflict:
            return False
        return True

    def _find(self, bucket_id: str) -> Bucket | None:
        try:
            return self._catalog.get(Bucket, bucket_id)
        except NotFound:
            return None


@dataclass(frozen=True)
class Limits:
    """Say how much is allowed; 0 per minute is no limit.

    `requests` is per key, `starts` too, `strangers` per address of callers without a valid key.
    """

    requests: Limit
    starts: Limit
    strangers: Limit


@dataclass(frozen=True)
class RateLimits:
    """Count calls where they are cheap to count; every method raises RateLimited.

    Callers without a name of their own (`exempt`) are the process's own: whoever holds the data
    folder can do everything anyway, and each command of theirs would be a fresh process.
    """

    limits: Limits
    local: LocalBuckets
    shared: SharedBuckets
    exempt: frozenset[str] = field(default=frozenset())

    def stranger(self, address: str) -> None:
        """Count a call without a key, or with one that is not valid."""
        if self.limits.strangers.per_minute:
            self.local.spend(self.limits.strangers, network_of(address))

    def request(self, actor: Actor) -> None:
        """Count any call with a valid key."""
        if self.limits.requests.per_minute and actor.name not in self.exempt:
            self.local.spend(self.limits.requests, actor.name)

    def start(self, actor: Actor) -> None:
        """Count a call that starts work or hands data out, over all instances."""
        if self.limits.starts.per_minute and actor.name not in self.exempt:
            self.shared.spend(self.limits.starts, actor.name)
