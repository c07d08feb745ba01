"""A service in which somebody else acts in between: after the last look, before the commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.bootstrap.services import Services
from chalicelib.domain.record import Write

Moment = Callable[[Sequence[Write]], bool]


@dataclass
class Meddling:
    """A catalog that lets somebody act right before a commit, once."""

    inner: Any
    act: Callable[[], object] | None
    at: Moment

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def commit(self, writes: Sequence[Write]) -> None:
        if self.act is not None and self.at(writes):
            act, self.act = self.act, None
            act()
        self.inner.commit(writes)


def meddled(
    services: Services, act: Callable[[], object], at: Moment = lambda writes: True
) -> Services:
    """Return the services as somebody has them who is too slow for `act`."""
    adapters = services.adapters
    catalog = Meddling(adapters.catalog, act, at)
    return Services(services.settings, replace(adapters, catalog=catalog))
