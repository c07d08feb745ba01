"""Count what is sent to AWS: calls are what a bill and a quota know of."""

from __future__ import annotations

from collections import Counter
from functools import partial
from threading import Lock
from typing import Any, Final

_EVENT: Final = "before-send"


class CallCounter:
    """Count the requests of any number of clients, by service and operation."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._guard = Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def watch(self, client: Any) -> None:
        """Count what this client sends from now on; each try of a call counts."""
        service: str = client.meta.service_model.service_name
        client.meta.events.register(_EVENT, partial(self._sent, service))

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """The requests so far: ("dynamodb", "GetItem") and how many."""
        with self._guard:
            return dict(self._counts)

    @property
    def total(self) -> int:
        """All requests so far."""
        return sum(self.counts.values())

    def _sent(self, service: str, *, event_name: str, **_: object) -> None:
        # before-send.<another name of the service>.<operation>; an answer would replace the request
        operation = event_name.rpartition(".")[2]
        with self._guard:
            self._counts[service, operation] += 1
