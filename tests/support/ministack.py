"""A local stand-in for AWS services: installed once into .tools, one server per test process.

It lives in a virtual environment of its own, because it pins another botocore than we do.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest

from chalicelib.adapters.aws.clients import Credentials, Place, client
from chalicelib.adapters.aws.dynamodb_table import table_definition
from chalicelib.domain.execution import Work
from tests.support.servers import ROOT, free_ports, installed, tied

REQUIREMENT: Final = "ministack[full]==1.5.33"
READY_TIMEOUT_S: Final = 60
REGION: Final = "eu-central-1"
ACCOUNT: Final = "000000000000"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/holdfast"
# Endless as far as a test goes, and no work of its own.
MACHINE: Final = json.dumps(
    {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}
)


@dataclass(frozen=True)
class Ministack:
    """Name a running server, and make in it what adapters find already made."""

    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def place(self) -> Place:
        return Place(REGION, self.endpoint, Credentials("test", "test"))

    def client(self, service: str) -> Any:
        return _client(service, self.place)

    def new_table(self) -> str:
        name = fresh("catalog")
        self.client("dynamodb").create_table(**table_definition(name))
        return name

    def new_state_machines(self) -> dict[Work, str]:
        states = self.client("stepfunctions")
        return {
            work: states.create_state_machine(
                name=fresh(work.value), definition=MACHINE, roleArn=ROLE
            )["stateMachineArn"]
            for work in Work
        }

    def new_signing_key(self, key_spec: str = "ECC_NIST_P256") -> str:
        made = self.client("kms").create_key(KeyUsage="SIGN_VERIFY", KeySpec=key_spec)
        return str(made["KeyMetadata"]["KeyId"])

    def new_topic(self) -> str:
        return str(self.client("sns").create_topic(Name=fresh("topic"))["TopicArn"])

    def new_schedule_group(self) -> str:
        name = fresh("group")
        self.client("scheduler").create_schedule_group(Name=name)
        return name


@functools.cache
def _client(service: str, place: Place) -> Any:
    return client(service, place)


def fresh(name: str) -> str:
    """Return a name nobody else has."""
    return f"{name}-{uuid.uuid4().hex[:12]}"


_SERVER: Final = pytest.StashKey[Ministack]()


def ministack_of(config: pytest.Config) -> Ministack:
    """Return the server of this test process; skip aloud when it cannot be installed."""
    if _SERVER not in config.stash:
        held = contextlib.ExitStack()
        config.add_cleanup(held.close)
        config.stash[_SERVER] = held.enter_context(running())
    return config.stash[_SERVER]


@contextlib.contextmanager
def running(**settings: str) -> Iterator[Ministack]:
    """Run a server; `settings` are variables of its own."""
    program = installed("ministack", REQUIREMENT) / "ministack"
    (port,) = free_ports(1)
    process = _started(program, port, settings)
    try:
        server = Ministack(port)
        _await_ready(process, server)
        yield server
    finally:
        _stop(process)


def _started(program: Path, port: int, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        **settings,
    }
    command = tied([str(program)], os.getpid())
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _await_ready(process: subprocess.Popen[bytes], server: Ministack) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    pause = Event()
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, HTTPException):
            connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
            connection.request("GET", "/_ministack/health")
            if connection.getresponse().status == HTTPStatus.OK:
                connection.close()
                return
        pause.wait(0.05)
    pytest.fail(f"ministack did not become ready (exit code {process.poll()})")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
