"""The ways of runs, written in short."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.run_steps import StepBegun


def steps_from(start: datetime, *names: str, every_s: float = 1) -> tuple[StepBegun, ...]:
    """Build steps one after the other; a name may hold a phase and an attempt: dump/files,2."""
    return tuple(
        _step(name, start + timedelta(seconds=every_s * number))
        for number, name in enumerate(names)
    )


def _step(name: str, began_at: datetime) -> StepBegun:
    path, _, attempt = name.partition(",")
    step, _, phase = path.partition("/")
    return StepBegun(step=step, phase=phase or None, attempt=int(attempt or 1), began_at=began_at)
