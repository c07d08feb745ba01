"""The log, the traces and the figures; the only module that knows Powertools and X-Ray.

Nothing is loaded before the first line is written. The log goes to standard error as JSON, one
object per line. What may be logged: ids, operations, counts, types of errors. What may not: bodies,
connection data, tokens, and messages of foreign errors, which may hold any of these.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

SERVICE: Final = "holdfast"
NAMESPACE: Final = "Holdfast"
FUNCTION: Final = "AWS_LAMBDA_FUNCTION_NAME"
TASK: Final = "ECS_CONTAINER_METADATA_URI_V4"
"""Variables that Lambda and ECS set for whatever they run."""


class _StandardError(logging.StreamHandler[TextIO]):
    """Write to whatever standard error is at the moment of writing."""

    @property
    def stream(self) -> TextIO:
        """The stream now; tests and supervisors replace it while we run."""
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        del value  # StreamHandler sets one when it is made; ours is never kept


@dataclass
class _Watchers:
    traces: bool = False
    measures: bool = False
    installation: str = SERVICE


_WATCHERS = _Watchers()
UNITS: Final = ("Count", "Seconds", "Bytes")
"""The last word of a figure's name is its unit, as CloudWatch spells it."""


@cache
def log() -> Logger:
    """Return the log of this process."""
    from aws_lambda_powertools import Logger  # noqa: PLC0415 - importing us must stay cheap

    return Logger(service=SERVICE, level="INFO", logger_handler=_StandardError())


def configure(environment: Mapping[str, str]) -> None:
    """Trace in a Lambda function; measure there and in a task of ECS.

    Powertools' own variables say no: POWERTOOLS_TRACE_DISABLED and POWERTOOLS_METRICS_DISABLED.
    POWERTOOLS_SERVICE_NAME tells the figures of one installation from those of another in the same
    account.
    """

    def wants(disabling: str, *places: str) -> bool:
        disabled = environment.get(disabling, "").lower() in {"1", "true", "yes"}
        return not disabled and any(place in environment for place in places)

    _WATCHERS.traces = wants("POWERTOOLS_TRACE_DISABLED", FUNCTION)
    _WATCHERS.measures = wants("POWERTOOLS_METRICS_DISABLED", FUNCTION, TASK)
    _WATCHERS.installation = environment.get("POWERTOOLS_SERVICE_NAME") or SERVICE


def described(error: BaseException) -> list[dict[str, object]]:
    """Return what may be logged of an error and of those behind it: their types and places.

    Never their words: messages of psycopg, pydantic and others may hold a URL with its password.
    """
    return [_one_described(one) for one in _chain(error)]


@contextmanager
def span(name: str) -> Iterator[None]:
    """Trace the block as a subsegment; nothing happens where nobody traces.

    Neither results nor errors go into the trace: they may hold signed URLs or connection data.
    """
    if not _WATCHERS.traces:
        yield
        return
    from aws_xray_sdk.core import xray_recorder  # noqa: PLC0415 - half a second at import

    recorder: Any = xray_recorder  # the SDK has no types
    recorder.begin_subsegment(name)
    try:
        yield
    finally:
        recorder.end_subsegment()


def measure(values: Mapping[str, float], dimensions: Mapping[str, str]) -> None:
    """Hand figures to CloudWatch, as a line of its embedded metric format on standard output.

    A name ends in its unit (one of UNITS). Nothing happens where nobody reads such lines.
    """
    if not _WATCHERS.measures:
        return
    from aws_lambda_powertools.metrics import EphemeralMetrics  # noqa: PLC0415 - as for the log

    metrics = EphemeralMetrics(namespace=NAMESPACE, service=_WATCHERS.installation)
    for dimension, group in dimensions.items():
        metrics.add_dimension(dimension, group)
    for name, value in values.items():
        unit = next(unit for unit in UNITS if name.endswith(unit))
        metrics.add_metric(name, unit, value)
    metrics.flush_metrics()


def _chain(error: BaseException) -> list[BaseException]:
    # A chain may be a ring: Python lets an error be its own cause's cause.
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found


def _one_described(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
