"""Executions of Step Functions: a backup or a job is one execution, named after its id.

A name is never used twice within 90 days, so a start of something that has ended takes the next
name: id, id-2, id-3 … Only the last one can be running, because a name is passed over only after
its execution ended. Two starts at once meet under the same name, and one of them makes it.

An execution that was stopped runs no further step. A function that is at work at that moment ends
by itself: its lease is gone, so that it can change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from chalicelib.adapters.aws.service_errors import ask_unless
from chalicelib.domain.errors import Conflict
from chalicelib.domain.execution import Work

MAX_STARTS: Final = 50
"""Starts of one id. Pending work is started anew once a minute at most, so this is a fault."""
ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})


class StatesClient(Protocol):
    """Name the calls made of the client of boto3."""

    def start_execution(self, **arguments: object) -> dict[str, Any]:
        """Start an execution."""
        ...

    def describe_execution(self, **arguments: object) -> dict[str, Any]:
        """Say where an execution stands."""
        ...

    def stop_execution(self, **arguments: object) -> dict[str, Any]:
        """End an execution."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class StepFunctionsWorkflow:
    """Run work as executions of standard state machines, one machine per kind of work."""

    def __init__(self, client: StatesClient, state_machines: Mapping[Work, str]) -> None:
        """Name the ARN of the state machine for each work; they must be of type STANDARD."""
        self._client = client
        self._machines = state_machines

    def start(self, work: Work, work_id: str) -> None:
        """Start an execution, unless one is running; one call, and two more per earlier start."""
        text = json.dumps({"work": work.value, "id": work_id})
        for number in range(1, MAX_STARTS + 1):
            started = ask_unless(
                ("ExecutionAlreadyExists",),
                self._client.start_execution,
                f"start the {work} {work_id}",
                stateMachineArn=self._machines[work],
                name=_name(work_id, number),
                input=text,
            )
            # The service takes a repeated start of a running execution as done, or refuses it.
            if started is not None or self._status(work, work_id, number) not in ENDED:
                return
        raise Conflict(
            f"the {work} {work_id} was started {MAX_STARTS} times and never went on",
            hint="Look at its executions in Step Functions, then cancel it.",
        )

    def stop(self, work: Work, work_id: str) -> None:
        """End the execution that runs, if any; the service lists it as ABORTED."""
        number = self._running(work, work_id)
        if number is not None:
            ask_unless(
                ("ExecutionDoesNotExist",),
                self._client.stop_execution,
                f"stop the {work} {work_id}",
                executionArn=self._execution(work, work_id, number),
            )

    def is_running(self, work: Work, work_id: str) -> bool:
        """Tell whether an execution waits or runs.

        The service may need a moment to show an execution that was just started.
        """
        return self._running(work, work_id) is not None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _running(self, work: Work, work_id: str) -> int | None:
        for number in range(1, MAX_STARTS + 1):
            status = self._status(work, work_id, number)
            if status is None:
                return None
            if status not in ENDED:
                return number
        return None

    def _status(self, work: Work, work_id: str, number: int) -> str | None:
        described = ask_unless(
            ("ExecutionDoesNotExist",),
            self._client.describe_execution,
            f"look after the {work} {work_id}",
            executionArn=self._execution(work, work_id, number),
        )
        return None if described is None else str(described["status"])

    def _execution(self, work: Work, work_id: str, number: int) -> str:
        # arn:aws:states:<region>:<account>:stateMachine:<name>, and maybe a version or alias
        parts = self._machines[work].split(":")[:7]
        parts[5] = "execution"
        return ":".join([*parts, _name(work_id, number)])


def _name(work_id: str, number: int) -> str:
    return work_id if number == 1 else f"{work_id}-{number}"
