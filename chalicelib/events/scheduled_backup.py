"""The function `scheduled_backup`: an alarm of EventBridge Scheduler, for one run of a schedule."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from chalicelib.bootstrap.services import Services
from chalicelib.domain.errors import InvalidRequest, StorageFailed


class Alarm(BaseModel):
    """Name a run, as the entry of the scheduler does."""

    model_config = ConfigDict(extra="forbid")

    schedule_id: str
    expected_at: AwareDatetime


def start_scheduled(services: Services, event: Mapping[str, object]) -> dict[str, int]:
    """Start the run; a repeated or late alarm starts nothing and is fine.

    Raises StorageFailed where something of it could not be had, so that the alarm is given again.
    """
    try:
        alarm = Alarm.model_validate(event)
    except ValidationError as error:
        raise InvalidRequest(
            "this is not the alarm of a schedule", hint="Leave these entries to Holdfast."
        ) from error
    report = services.due_runs.fire(alarm.schedule_id, alarm.expected_at)
    if report.problems:
        raise StorageFailed("; ".join(report.problems))
    return {state.value: count for state, count in report.runs.items()}
