"""Schedules in EventBridge Scheduler, one entry each, in a group of the installation.

The service replaces a schedule as a whole: what an update leaves out falls back to defaults, among
them no dead-letter queue. So every write sends the full object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from chalicelib.adapters.aws.service_errors import Call, ask, ask_unless
from chalicelib.domain.errors import Conflict, Internal, InvalidRequest, NotFound
from chalicelib.ports import ScheduleEntry

MAX_EVENT_AGE_S: Final = 3600
"""A start that could not be handed over for an hour is left to the sweeper, which sees the gap."""
MAX_RETRIES: Final = 20

_MISSING: Final = "ResourceNotFoundException"
_TAKEN: Final = "ConflictException"
_TRIES: Final = 3


class SchedulerClient(Protocol):
    """Name the calls made of the client of boto3."""

    def get_schedule(self, **arguments: object) -> dict[str, Any]:
        """Read a schedule."""
        ...

    def create_schedule(self, **arguments: object) -> dict[str, Any]:
        """Make a schedule."""
        ...

    def update_schedule(self, **arguments: object) -> dict[str, Any]:
        """Replace a schedule."""
        ...

    def delete_schedule(self, **arguments: object) -> dict[str, Any]:
        """Remove a schedule."""
        ...

    def list_schedules(self, **arguments: object) -> dict[str, Any]:
        """List the names of a group, page by page."""
        ...


@dataclass(frozen=True)
class Target:
    """Say in which group schedules live, what they call, as whom, and where failures go."""

    group: str
    function_arn: str
    role_arn: str
    dead_letter_arn: str


class EventBridgeScheduler:
    """Keep schedules that call one function with the input of their entry."""

    def __init__(self, client: SchedulerClient, target: Target) -> None:
        """Use a group that exists."""
        self._client = client
        self._target = target

    def put(self, entry: ScheduleEntry) -> None:
        """Store or replace an entry as a whole."""
        full = schedule_request(entry, self._target)
        # Each way can be closed by somebody who makes or deletes the same schedule meanwhile.
        for _ in range(_TRIES):
            if self._write(self._client.update_schedule, _MISSING, full):
                return
            if self._write(self._client.create_schedule, _TAKEN, full):
                return
        raise Conflict(f"the schedule {entry.name} is being made and deleted at the same time")

    def get(self, name: str) -> ScheduleEntry:
        """Return an entry."""
        answer = ask_unless(
            (_MISSING,), self._client.get_schedule, "read a schedule", **self._named(name)
        )
        if answer is None:
            raise NotFound(f"there is no schedule {name}")
        return _entry(answer)

    def delete(self, name: str) -> None:
        """Remove an entry; a missing one is fine."""
        ask_unless(
            (_MISSING,), self._client.delete_schedule, "delete a schedule", **self._named(name)
        )

    def names(self) -> Iterator[str]:
        """List the names of all entries."""
        request: dict[str, str] = {"GroupName": self._target.group}
        while True:
            answer = ask(self._client.list_schedules, "list the schedules", **request)
            yield from (str(schedule["Name"]) for schedule in answer["Schedules"])
            if "NextToken" not in answer:
                return
            request = request | {"NextToken": answer["NextToken"]}

    def _named(self, name: str) -> dict[str, str]:
        return {"Name": name, "GroupName": self._target.group}

    def _write(self, call: Call, expected: str, full: dict[str, Any]) -> bool:
        try:
            return ask_unless((expected,), call, "store a schedule", **full) is not None
        except Internal as error:
            # Of all that is sent, only name, expression and time zone are a person's own words.
            raise InvalidRequest(
                f"the schedule {full['Name']} is not understood",
                hint="Check its expression and time zone.",
                field="expression",
            ) from error


def schedule_request(entry: ScheduleEntry, target: Target) -> dict[str, Any]:
    """Return the full object of a schedule; nothing is left to defaults of the service."""
    window: dict[str, Any] = {"Mode": "OFF"}
    if entry.window_minutes:
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": entry.window_minutes}
    return {
        "Name": entry.name,
        "GroupName": target.group,
        "ScheduleExpression": entry.expression,
        "ScheduleExpressionTimezone": entry.timezone,
        "State": "ENABLED" if entry.enabled else "DISABLED",
        "FlexibleTimeWindow": window,
        "ActionAfterCompletion": "NONE",
        "Target": {
            "Arn": target.function_arn,
            "RoleArn": target.role_arn,
            "Input": entry.input_json,
            "DeadLetterConfig": {"Arn": target.dead_letter_arn},
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": MAX_EVENT_AGE_S,
                "MaximumRetryAttempts": MAX_RETRIES,
            },
        },
    }


def _entry(answer: dict[str, Any]) -> ScheduleEntry:
    return ScheduleEntry(
        name=answer["Name"],
        expression=answer["ScheduleExpression"],
        timezone=answer["ScheduleExpressionTimezone"],
        enabled=answer["State"] == "ENABLED",
        window_minutes=answer["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0),
        input_json=answer["Target"]["Input"],
    )
