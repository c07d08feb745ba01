"""One step of one execution, as a state machine asks for it.

    {"work": "backup", "id": "01…", "step": "dump", "owner": "01…-2"}

`owner` is the execution, so that all its steps hold the leases of the run under one name. Besides
the steps of a run (design 6) there are `fail`, with what the machine caught, and `notify`. A job
has one step, `run`, and so has a round of notices. The answer holds ids and one word, never data:
it stays in the history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup, Step, Trigger
from chalicelib.domain.errors import InvalidRequest, ScratchTooSmall
from chalicelib.domain.execution import Work
from chalicelib.domain.restore import RestoreStep
from chalicelib.services.deliver_notices import NoticeRunner
from chalicelib.services.run_backup import BackupRunner
from chalicelib.services.run_job import JobRunner
from chalicelib.services.run_restore import RestoreRunner
from chalicelib.worker.reported import heard

FAIL: Final = "fail"
NOTIFY: Final = "notify"
RUN: Final = "run"
S = TypeVar("S", bound=StrEnum)
MARGIN_S: Final = 45.0
"""What a step leaves of a function's life: to end pg_dump, abort its uploads and tell why."""


class Route(StrEnum):
    """Say who runs the long steps: this function, or a task that may outlive one."""

    FUNCTION = "function"
    TASK = "task"


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


@dataclass(frozen=True)
class Size:
    """Say how much there is to do, and what a proof of it takes of the scratch at hand."""

    database_bytes: int
    proof_bytes: int = 0
    scratch_bytes: int | None = None

    @property
    def fits(self) -> bool:
        """Whether the proof has room here; where nobody knows, it is tried."""
        return self.scratch_bytes is None or self.proof_bytes <= self.scratch_bytes


def route_of(size: Size, task_from_bytes: int) -> Route:
    """Decide who dumps a database of this size."""
    if not task_from_bytes:
        return Route.FUNCTION
    is_large = task_from_bytes <= size.database_bytes or not size.fits
    return Route.TASK if is_large else Route.FUNCTION


def require_fitting_proof(size: Size) -> None:
    """Refuse a gate whose proof nobody here could make, before its database is read."""
    if not size.fits:
        raise ScratchTooSmall(
            f"the proof that the migration waits for needs about {size.proof_bytes} bytes of"
            f" scratch and {size.scratch_bytes} are free",
            hint="Give the worker more scratch, or subnets for tasks; or ask for no proof.",
        )


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
    return {"route": _route(runner, call.event)} if step is Step.PREPARE else {}


def _route(runner: BackupRunner, event: StepEvent) -> Route:
    backup = runner.ledger.catalog.get(Backup, event.id)
    is_gate = backup.trigger is Trigger.PRE_MIGRATION
    if not event.task_from_bytes and not is_gate:
        return Route.FUNCTION
    connection = runner.projects.connection(backup.project_id)
    found = runner.engine.estimate(connection, backup.options)
    size = Size(found.database_bytes, found.proof_bytes, found.scratch_bytes)
    route = route_of(size, event.task_from_bytes)
    if is_gate and route is Route.FUNCTION:
        require_fitting_proof(size)
    return route


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
    return {"route": _restore_route(runner, call.event)} if step is RestoreStep.PREPARE else {}


def _restore_route(runner: RestoreRunner, event: StepEvent) -> Route:
    restore = runner.restores.get(event.id)
    backup = runner.ledger.catalog.get(Backup, restore.backup_id)
    # an archive is fetched whole before a restore begins; what it unpacks to takes the time
    size_bytes = max(backup.raw_bytes or 0, backup.stored_bytes or 0)
    return route_of(Size(size_bytes), event.task_from_bytes)


def _job(call: Call) -> dict[str, str]:
    return _whole(call, call.services.job_runner(call.event.owner))


def _notices(call: Call) -> dict[str, str]:
    return _whole(call, call.services.notice_runner())


def _whole(call: Call, runner: JobRunner | NoticeRunner) -> dict[str, str]:
    if call.event.step == FAIL:
        runner.fail(call.event.id, heard(call.event.error))
    elif call.event.step == RUN:
        runner.run(call.event.id)
    else:
        raise InvalidRequest(f"{call.event.work} has no step {call.event.step}", field="step")
    return {}


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
