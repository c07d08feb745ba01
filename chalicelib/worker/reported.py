"""Errors on their way through a state machine: out of one function, into the `fail` of a run.

A function that raises is known to its state machine by the name of the class and by one text. The
text is our ErrorInfo as JSON, so that code, sentence and hint arrive in the record as they left.
What never was an error of ours (a timeout, a killed process) is told by the machine's own names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from chalicelib.domain.errors import (
    DeadlineExceeded,
    ErrorInfo,
    HoldfastError,
    Internal,
    WorkerLost,
    all_errors,
)

TIMEOUTS: Final = frozenset({"States.Timeout", "States.HeartbeatTimeout", "Sandbox.Timedout"})
"""docs.aws.amazon.com/step-functions: error names; Lambda reports its own timeout by the last."""
OURS: Final = {error.__name__: error for error in all_errors()}


def told(error: Exception) -> HoldfastError:
    """Return what a function raises for an error: class by class, and nobody's words but ours."""
    if isinstance(error, HoldfastError):
        return type(error)(error.info.model_dump_json())
    # the text of a foreign error may hold a secret
    strange = Internal(f"an unexpected {type(error).__name__} ended the step")
    return Internal(strange.info.model_dump_json())


def heard(caught: Mapping[str, object]) -> HoldfastError:
    """Return the error that a machine caught, from the names `Error` and `Cause` it gives it."""
    name = str(caught.get("Error", ""))
    if name in OURS:
        return _ours(OURS[name], str(caught.get("Cause", "")))
    if name in TIMEOUTS:
        return DeadlineExceeded("the step took longer than a worker may live")
    return WorkerLost("the worker ended without a word")


def _ours(kind: type[HoldfastError], cause: str) -> HoldfastError:
    try:
        info = ErrorInfo.model_validate_json(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError, ValidationError):
        return kind("the step failed, and what it said was lost")
    return kind(info.message, hint=info.hint)
