"""Functions that ministack runs for real: our handlers behind Amazon's own runtime client.

The function is a bootstrap that starts awslambdaric in this checkout, so error names and timeouts
are those of the real client. Needs the package awslambdaric.
"""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final

from tests.support.machines import machine
from tests.support.ministack import ROLE, Ministack, fresh
from tests.support.servers import ROOT

DEFINITIONS: Final = ROOT / "infra" / "statemachines"
HANDLER: Final = "chalicelib.worker.function.handler"
TASK_HANDLER: Final = "tests.support.task_function.handler"
PATIENCE_S: Final = 90
# Nobody may set these of a function: they are its role's. Ours has the keys of the tests' worker.
CREDENTIALS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
AS_ROLE: Final = "\n".join(f'export {name}="$ROLE_{name}"' for name in CREDENTIALS)


@dataclass(frozen=True)
class Execution:
    """Say how an execution ended, and which states it entered."""

    status: str
    error: str
    states: tuple[str, ...]
    history: str


def new_function(
    server: Ministack,
    environment: Mapping[str, str],
    *,
    handler: str = HANDLER,
    timeout_s: int = 60,
) -> str:
    """Make a function and return its ARN."""
    bootstrap = (
        f"#!/bin/sh\n{AS_ROLE}\ncd {ROOT}\nexec {sys.executable} -m awslambdaric {handler}\n"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, bootstrap)
    made = server.client("lambda").create_function(
        FunctionName=fresh("worker"),
        Runtime="provided.al2023",
        Handler=handler,
        Role=ROLE,
        Code={"ZipFile": packed.getvalue()},
        Timeout=timeout_s,
        Environment={"Variables": {_renamed(key): value for key, value in environment.items()}},
    )
    return str(made["FunctionArn"])


def new_machine(
    server: Ministack, name: str, function_arn: str, task_arn: str | None = None
) -> str:
    """Make a machine of one of our definitions around a function; its waits are cut to a second.

    With a function that plays the task, everything is large enough for it.
    """
    definition = machine(
        DEFINITIONS / f"{name}.asl.json",
        WorkerArn=function_arn,
        TaskFromBytes="1" if task_arn else "0",
    )
    whole = definition if task_arn is None else with_played_task(definition, task_arn)
    made = server.client("stepfunctions").create_state_machine(
        name=fresh(name), definition=json.dumps(hastened(whole)), roleArn=ROLE
    )
    return str(made["stateMachineArn"])


def with_played_task(definition: dict[str, Any], task_arn: str) -> dict[str, Any]:
    """Return the definition with its task run by a function, which gets the container's command."""
    task = definition["States"]["task"]
    (container,) = task["Parameters"]["Overrides"]["ContainerOverrides"]
    played = {
        **task,
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": task_arn,
            "Payload": {"command.$": container["Command.$"]},
        },
    }
    return definition | {"States": definition["States"] | {"task": played}}


def hastened(definition: dict[str, Any]) -> dict[str, Any]:
    """Return the definition with a second between tries; nothing else differs."""
    for state in definition["States"].values():
        for one in state.get("Retry", []):
            one |= {"IntervalSeconds": 1, "BackoffRate": 1, "MaxDelaySeconds": 2}
    return definition


def run(server: Ministack, machine_arn: str, work: str, work_id: str) -> Execution:
    """Start an execution as our workflow does and wait for its end."""
    states = server.client("stepfunctions")
    started = states.start_execution(
        stateMachineArn=machine_arn,
        name=work_id,
        input=json.dumps({"work": work, "id": work_id}),
    )["executionArn"]
    deadline = time.monotonic() + PATIENCE_S
    pause = Event()
    while (found := states.describe_execution(executionArn=started))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the execution did not end"
        pause.wait(0.1)
    history = states.get_execution_history(executionArn=started, maxResults=1000)["events"]
    entered = [event["stateEnteredEventDetails"]["name"] for event in history if _enters(event)]
    return Execution(
        status=found["status"],
        error=found.get("error", ""),
        states=tuple(entered),
        history=json.dumps(history, default=str) + json.dumps(found, default=str),
    )


def _renamed(name: str) -> str:
    return f"ROLE_{name}" if name in CREDENTIALS else name


def _enters(event: Mapping[str, Any]) -> bool:
    return "stateEnteredEventDetails" in event


def runtime_client_is_here() -> bool:
    """Tell whether Amazon's runtime client is installed beside us."""
    return any(Path(folder, "awslambdaric").is_dir() for folder in sys.path)
