"""The sweep that a rule of EventBridge asks for, every five minutes."""

from __future__ import annotations

from chalicelib.bootstrap.services import Services
from chalicelib.domain.errors import Internal


def sweep(services: Services) -> dict[str, int]:
    """Sweep once, and say what was done; Internal where something was met that could not be.

    So a sweep with problems counts as a failure of the function, which an alarm can watch.
    """
    report = services.sweeper.sweep()
    if report.problems:
        raise Internal("; ".join(report.problems), hint="The next sweep meets the same again.")
    counts = {name: value for name, value in vars(report).items() if isinstance(value, int)}
    return {name: value for name, value in counts.items() if value}
