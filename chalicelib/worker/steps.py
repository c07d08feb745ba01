"""One step of one execution, as a state machine asks for it.

    {"work": "backup", "id": "01…", "step": "dump", "owner": "01…-2"}

`owner` is the execution, so that all its steps hold the leases of the run under one name. Besides
the steps of a run (design 6) there are `fail`, with what the machine caught, and `notify`. A job
has one step, `run`, and so has a round of notices; a job that is for a task is left to it. The
answer holds ids and one word, never data: it stays in the history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Step
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.execution import Work
from chalicelib.domain.restore import RestoreStep
from chalicelib.services.deliver_notices import NoticeRunner
from chalicelib.services.run_job import JobRunner
from chalicelib.worker.reported import heard
from chalicelib.worker.routing import Route, backup_route, job_route, restore_route

FAIL: Final = "fail"
NOTIFY: Final = "notify"
RUN: Final = "run"
S = TypeVar("S", bound=StrEnum)
MARGIN_S: Final = 45.0
"""What a step leaves of a function's life: to end pg_dump, abort its uploads and tell why."""


class StepEvent(BaseModel):
    """Hold what a state of a machine sends; `task_from_bytes` 0 is a machine without tasks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    work: Work
    id: Annotated[str, Field(pattern=r"^[0-9A-Z]{13,26}$")]
    step: str
    owner: Annotated[str, Field(min_length=1, max_length=80)]
    error: dict[str, object] = Field(default_factory=dict)
    task_from_bytes: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class Call:
    """Hold one call of a function: what is asked, and how long it may take."""

    services: Services
    event: StepEvent
    remaining_s: float

    @property
    def limit_s(self) -> float:
        """How long the step itself may take."""
        return max(self.remaining_s - MARGIN_S, 1.0)


def run_step(services: Services, event: Mapping[str, object], remaining_s: float) -> dict[str, str]:
    """Run the step that the event names; raise what ended it."""
    call = Call(services, parsed(event), remaining_s)
    return {"id": call.event.id} | RUNNERS[call.event.work](call)


def parsed(event: Mapping[str, object]) -> StepEvent:
    """Read an event; InvalidRequest names the field that cannot be."""
    try:
        return StepEvent.model_validate(event)
    except ValidationError as error:
        field = str(error.errors(include_input=False)[0]["loc"][0])
        raise InvalidRequest(f"the event has no usable {field}", field=field) from error


def _backup(call: Call) -> dict[str, str]:
    runner = call.services.backup_runner(call.event.owner)
    runner = replace(runner, deadlines=runner.deadlines.within(call.limit_s))
    work_id = call.event.id
    if call.event.step == FAIL:
        runner.fail(work_id, heard(call.event.error))
        return {}
    if call.event.step == NOTIFY:
        runner.outbox.drain()
        return {}
    step = _named(Step, call.event.step)
    runner.run_step(work_id, step)
    if step is not Step.PREPARE:
        return {}
    return {"route": backup_route(runner, work_id, call.event.task_from_bytes)}


def _restore(call: Call) -> dict[str, str]:
    runner = call.services.restore_runner(call.event.owner)
    runner = replace(runner, deadlines=runner.deadlines.within(call.limit_s))
    work_id = call.event.id
    if call.event.step == FAIL:
        runner.fail(work_id, heard(call.event.error))
        return {}
    if call.event.step == NOTIFY:
        runner.tidy(work_id)
        return {}
    step = _named(RestoreStep, call.event.step)
    runner.run_step(work_id, step)
    if step is not RestoreStep.PREPARE:
        return {}
    return {"route": restore_route(runner, work_id, call.event.task_from_bytes)}


def _job(call: Call) -> dict[str, str]:
    runner = replace(call.services.job_runner(call.event.owner), limit_s=call.limit_s)
    if call.event.step == RUN:
        route = job_route(runner, call.event.id, call.event.task_from_bytes)
        if route is Route.TASK:
            # left as it is: the task begins it
            return {"route": route}
    answer = _whole(call, runner)
    if call.event.step == FAIL:
        _forget_password(call)
    return answer


def _forget_password(call: Call) -> None:
    """Remove the secret that a preflight brought, which a worker that vanished has left."""
    restore = call.services.jobs.get(call.event.id).arguments.restore
    if restore is not None:
        call.services.adapters.secrets.delete(restore.secret_name(call.event.id))


def _notices(call: Call) -> dict[str, str]:
    return _whole(call, call.services.notice_runner())


def _whole(call: Call, runner: JobRunner | NoticeRunner) -> dict[str, str]:
    if call.event.step == FAIL:
        runner.fail(call.event.id, heard(call.event.error))
        return {}
    if call.event.step == RUN:
        runner.run(call.event.id)
        return {"route": Route.FUNCTION}
    raise InvalidRequest(f"{call.event.work} has no step {call.event.step}", field="step")


def _named(steps: type[S], name: str) -> S:
    try:
        return steps(name)
    except ValueError as error:
        raise InvalidRequest("there is no such step", field="step") from error


RUNNERS: Final[dict[Work, Callable[[Call], dict[str, str]]]] = {
    Work.BACKUP: _backup,
    Work.RESTORE: _restore,
    Work.JOB: _job,
    Work.NOTICES: _notices,
}
