"""The functions `gate` and `gate_status`: tasks of the state machine `pre-migration`.

A verdict is an answer: wait, pass or refuse with the error's name. What keeps a verdict from being
found is raised under our own class names, which the machine retries or ends with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import BY_CODE, ErrorInfo, HoldfastError, Internal, InvalidRequest
from chalicelib.domain.gate import GateRequest, Ticket
from chalicelib.services.gate import Look

ACTOR: Final = "state-machine"
Event = Mapping[str, object]
Parsed = TypeVar("Parsed", bound=BaseModel)


class Asking(GateRequest):
    """Take what callers send; `started_by` is what Step Functions adds to nested executions."""

    started_by: str | None = Field(
        default=None, validation_alias="AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
    )


class GateEvent(BaseModel):
    """Be what the machine's first task sends: its own input, and which execution it is.

    Names of executions come back after 90 days; with its start an execution is unique.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Asking
    execution: str = Field(min_length=1)
    started: str | float


class StatusEvent(Ticket):
    """Be what the machine's later tasks send: the last answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def ask(services: Services, event: Event) -> dict[str, object]:
    """Request the backup of the event and say whether its migration may run."""

    def asked() -> Look:
        parsed = _parsed(GateEvent, event)
        wanted = GateRequest.model_validate(parsed.input.model_dump(exclude={"started_by"}))
        key = f"{parsed.execution} {parsed.started}"
        return services.gates.ask(ACTOR, wanted, key)

    return _answered(asked)


def status(services: Services, event: Event) -> dict[str, object]:
    """Say whether the migration that waits with this event's ticket may run."""
    return _answered(lambda: services.gates.look(ACTOR, _parsed(StatusEvent, event)))


def _answered(look: Callable[[], Look]) -> dict[str, object]:
    try:
        return _answer(look())
    except HoldfastError as error:
        raise type(error)(_cause(error.info)) from error
    except Exception as error:
        # a process entry point: the machine knows only names of ours
        unknown = Internal(f"an unexpected {type(error).__name__} ended the gate")
        raise Internal(_cause(unknown.info)) from error


def _answer(found: Look) -> dict[str, object]:
    answer = found.ticket.model_dump(mode="json")
    answer |= {"verdict": found.judgement.verdict.value, "wait_s": found.pause_s}
    refusal = found.judgement.error
    if refusal is not None:
        name = BY_CODE.get(refusal.code, Internal).__name__
        return {**answer, "error": name, "cause": _cause(refusal)}
    return {**answer, "output": _output(found.backup)}


def _output(backup: Backup) -> dict[str, object]:
    """Return what the migration gets to know: ids and facts, nothing secret."""
    shown = backup.model_dump(
        mode="json",
        include={
            "project_id",
            "migration_id",
            "completed_at",
            "hold_until",
            "checksum",
            "verification",
        },
    )
    return {"backup_id": backup.id, **shown}


def _cause(info: ErrorInfo) -> str:
    return f"{info.code}: {info.message}. {info.hint}"


def _parsed(kind: type[Parsed], event: Event) -> Parsed:
    try:
        return kind.model_validate(event)
    except ValidationError as error:
        # the places only: a value may be anything, and this text goes into the machine's history
        places = {".".join(map(str, fault["loc"])) or "it" for fault in error.errors()}
        raise InvalidRequest(
            f"the input of the gate is not understood: {', '.join(sorted(places))}",
            hint='Send {"project": …, "migration": …, "options": {…}} and nothing else.',
        ) from error
