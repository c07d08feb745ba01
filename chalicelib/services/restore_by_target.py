"""Restore by the rules of whatever stands behind the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.domain.restore import Preflight, RestoreReport, TargetState
from chalicelib.postgres_ports import Restorer, RestoreRequest, Watch


@dataclass(frozen=True)
class RestorerByTarget:
    """Implement `postgres_ports.Restorer` by two others; `platform` is made when it is needed."""

    plain: Restorer
    platform: Callable[[], Restorer]

    def preflight(self, request: RestoreRequest, watch: Watch) -> Preflight:
        """Say what a restore would meet; changes nothing."""
        return self._of(request).preflight(request, watch)

    def restore(
        self, request: RestoreRequest, reached: Callable[[TargetState], None], watch: Watch
    ) -> RestoreReport:
        """Restore, then compare; see the port."""
        return self._of(request).restore(request, reached, watch)

    def _of(self, request: RestoreRequest) -> Restorer:
        return self.plain if request.platform is None else self.platform()
