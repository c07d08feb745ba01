"""A catalog that tries again what may pass by itself.

Throttling, conflicts between transactions, failures of the service and lost answers are repeated;
a commit always under the token of its first try, so that one whose answer was lost is recognised
by the service as done, and never refused because of itself. Decisions that lost against somebody
else (Conflict, RevisionConflict) are the caller's to take again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from chalicelib.adapters.aws.service_errors import is_transient
from chalicelib.domain.errors import HoldfastError
from chalicelib.domain.record import Page, Query, Record, Write
from chalicelib.ports import Catalog, Clock, Ids

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class RepeatableCatalog(Catalog, Protocol):
    """Be a catalog whose commits can be repeated safely."""

    def commit_once(self, writes: Sequence[Write], token: str) -> None:
        """Commit; once more with the same token within 10 minutes changes nothing."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True)
class RetryPolicy:
    """Say how often, how long and how far apart to try; the deadline is far below 10 minutes."""

    tries: int = 8
    first_pause_s: float = 0.05
    longest_pause_s: float = 2.0
    deadline_s: float = 30.0

    def pause_s(self, tried: int, fraction: float) -> float:
        """Return the pause after `tried` tries: a random part of a doubling span.

        The fraction, 0 to 1, spreads callers that were turned away together.
        """
        return fraction * min(self.longest_pause_s, self.first_pause_s * 2.0 ** (tried - 1))


@dataclass(frozen=True)
class Patience:
    """Join what a retry needs of the world: time, a way to wait, and chance from 0 to 1."""

    clock: Clock
    pause: Callable[[float], object]
    chance: Callable[[], float]
    policy: RetryPolicy = RetryPolicy()

    def keep_trying(self, once: Callable[[], T]) -> T:
        """Return what `once` returns; raise its last error when nothing helps."""
        started = self.clock.monotonic()
        tried = 1
        while True:
            try:
                return once()
            except HoldfastError as error:
                pause_s = self.policy.pause_s(tried, self.chance())
                elapsed_s = self.clock.monotonic() - started
                if not is_transient(error) or self._is_over(tried, elapsed_s + pause_s):
                    raise
            self.pause(pause_s)
            tried += 1

    def _is_over(self, tried: int, elapsed_s: float) -> bool:
        return tried >= self.policy.tries or elapsed_s > self.policy.deadline_s


class RetryingCatalog:
    """Keep the promises of a catalog through short troubles of the one behind it."""

    def __init__(self, catalog: RepeatableCatalog, ids: Ids, patience: Patience) -> None:
        """Wrap a catalog; `ids` makes the tokens of the commits."""
        self._catalog = catalog
        self._ids = ids
        self._patience = patience

    def get(self, kind: type[R], record_id: str) -> R:
        """Return the record."""
        return self._patience.keep_trying(lambda: self._catalog.get(kind, record_id))

    def find(self, query: Query[R]) -> Page[R]:
        """Return one page of records; `keep` may see a record again."""
        return self._patience.keep_trying(lambda: self._catalog.find(query))

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none, once."""
        token = self._ids.new()
        self._patience.keep_trying(lambda: self._catalog.commit_once(writes, token))

    def close(self) -> None:
        """Close the connections of the catalog behind."""
        self._catalog.close()
