"""Run work step by step, where a state machine drives the steps and not one process.

Each step is one call of a function, and a call may come twice. So a step is run by where the
record stands, never by where the caller believes it to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.errors import Conflict
from chalicelib.domain.restore import Restore


def is_due(run: Backup | Restore, step: StrEnum, order: Sequence[StrEnum]) -> bool:
    """Tell whether the step is the next; False when it is done already.

    Conflict for a run that has ended without this step, or is not as far.
    """
    if run.status in {Status.FAILED, Status.CANCELLED}:
        raise Conflict(f"the {run.kind} is already {run.status}")
    if run.status is Status.COMPLETED or order.index(run.step) > order.index(step):
        return False
    if run.step is not step:
        raise Conflict(f"the {run.kind} is at {run.step}, not at {step}")
    return True
