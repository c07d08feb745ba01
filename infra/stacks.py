"""Bring a CloudFormation stack to what a template says, by change sets; twice changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

CAPABILITIES: Final = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
NOTHING_TO_DO: Final = ("didn't contain changes", "No updates are to be performed")
PAUSE_S: Final = 5.0
PATIENCE_S: Final = 3600.0
GOOD: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
FRESH: Final = "REVIEW_IN_PROGRESS"
"""A stack that a change set announced and nobody ever made."""


class DeployError(Exception):
    """Say in a sentence what keeps the stack from being what it should."""


class CloudFormation(Protocol):
    """Name the calls made of the client of boto3."""

    def describe_stacks(self, **arguments: object) -> dict[str, Any]:
        """Describe a stack."""
        ...

    def create_change_set(self, **arguments: object) -> dict[str, Any]:
        """Plan a change."""
        ...

    def describe_change_set(self, **arguments: object) -> dict[str, Any]:
        """Say where a plan stands."""
        ...

    def execute_change_set(self, **arguments: object) -> dict[str, Any]:
        """Carry a plan out."""
        ...

    def delete_change_set(self, **arguments: object) -> dict[str, Any]:
        """Drop a plan."""
        ...

    def describe_stack_events(self, **arguments: object) -> dict[str, Any]:
        """List what happened to a stack, newest first."""
        ...

    def delete_stack(self, **arguments: object) -> dict[str, Any]:
        """Remove a stack."""
        ...


@dataclass(frozen=True)
class Wanted:
    """Say what a stack should be: its template, as text or by URL, and its parameters."""

    name: str
    template: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stacks:
    """Deploy and remove stacks; `pause` waits between two questions, `now` is monotonic."""

    client: CloudFormation
    pause: Callable[[float], object]
    now: Callable[[], float] = time.monotonic

    def deploy(self, wanted: Wanted) -> bool:
        """Make or change a stack; False when there was nothing to change."""
        plan = {"StackName": wanted.name, "ChangeSetName": f"{wanted.name}-deploy"}
        self._drop(plan)
        self.client.create_change_set(
            **plan,
            **wanted.template,
            ChangeSetType="UPDATE" if self._exists(wanted.name) else "CREATE",
            Capabilities=list(CAPABILITIES),
            Parameters=_pairs(wanted.parameters, "ParameterKey", "ParameterValue"),
            Tags=_pairs(wanted.tags, "Key", "Value"),
        )
        if not self._planned(plan):
            self._drop(plan)
            return False
        self.client.execute_change_set(**plan)
        self._settled(wanted.name)
        return True

    def outputs(self, name: str) -> dict[str, str]:
        """Return the outputs of a stack; DeployError when there is no such stack."""
        stack = self._stack(name)
        if stack is None:
            raise DeployError(f"there is no stack {name}")
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def delete(self, name: str) -> bool:
        """Remove a stack, and wait for it; False when there was none."""
        if self._stack(name) is None:
            return False
        self.client.delete_stack(StackName=name)
        deadline = self.now() + PATIENCE_S
        while (stack := self._stack(name)) is not None:
            if stack["StackStatus"] == "DELETE_COMPLETE":
                break
            if stack["StackStatus"] == "DELETE_FAILED":
                raise DeployError(f"{name} was not removed: {self._reason(name)}")
            self._wait(name, deadline)
        return True

    def _exists(self, name: str) -> bool:
        stack = self._stack(name)
        return stack is not None and stack["StackStatus"] not in {FRESH, "DELETE_COMPLETE"}

    def _stack(self, name: str) -> dict[str, Any] | None:
        try:
            found: list[dict[str, Any]] = self.client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # the service has no error of its own for a stack that is not there
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return found[0] if found else None

    def _planned(self, plan: Mapping[str, str]) -> bool:
        deadline = self.now() + PATIENCE_S
        while True:
            said = self.client.describe_change_set(**plan)
            if said["Status"] == "CREATE_COMPLETE":
                return True
            if said["Status"] == "FAILED":
                reason = str(said.get("StatusReason", ""))
                if any(words in reason for words in NOTHING_TO_DO):
                    return False
                raise DeployError(f"{plan['StackName']} cannot be changed: {reason}")
            self._wait(plan["StackName"], deadline)

    def _drop(self, plan: Mapping[str, str]) -> None:
        if self._stack(plan["StackName"]) is not None:
            self.client.delete_change_set(**plan)

    def _settled(self, name: str) -> None:
        deadline = self.now() + PATIENCE_S
        while True:
            stack = self._stack(name)
            status = stack["StackStatus"] if stack else "gone"
            if status in GOOD:
                return
            if not status.endswith("_IN_PROGRESS"):
                raise DeployError(f"{name} ended as {status}: {self._reason(name)}")
            self._wait(name, deadline)

    def _reason(self, name: str) -> str:
        events = self.client.describe_stack_events(StackName=name)["StackEvents"]
        failed = [one for one in events if one["ResourceStatus"].endswith("_FAILED")]
        if not failed:
            return "CloudFormation gives no reason"
        # newest first: what came first is the cause, the rest was cancelled for it
        first = failed[-1]
        return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', 'no reason')}"

    def _wait(self, name: str, deadline: float) -> None:
        if self.now() >= deadline:
            raise DeployError(f"{name} did not settle within {PATIENCE_S:.0f} s")
        self.pause(PAUSE_S)


def _pairs(values: Mapping[str, str], key: str, value: str) -> list[dict[str, str]]:
    return [{key: name, value: values[name]} for name in sorted(values)]
