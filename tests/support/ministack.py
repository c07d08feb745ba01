"""A local stand-in for AWS services: installed once into .tools, one server per test process.

It lives in a virtual environment of its own, because it pins another botocore than we do.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest

from chalicelib.adapters.aws.clients import Credentials, Place, client
from chalicelib.adapters.aws.dynamodb_table import table_definition
from chalicelib.adapters.embedded.file_lock import locked
from chalicelib.domain.execution import Work

VERSION: Final = "1.5.33"
TOOLS: Final = Path(__file__).parents[2] / ".tools"
INSTALL_TIMEOUT_S: Final = 600
READY_TIMEOUT_S: Final = 60
REGION: Final = "eu-central-1"
ACCOUNT: Final = "000000000000"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/holdfast"
# Endless as far as a test goes, and no work of its own.
MACHINE: Final = json.dumps(
    {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}
)

# The server dies with the process that tests, also when that one is killed.
_TIED = """
import os, sys
from chalicelib.adapters.embedded.processes import die_with_parent
die_with_parent(int(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])
"""


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
        program = _installed()
        port = _free_port()
        process = _started(program, port)
        config.add_cleanup(lambda: _stop(process))
        config.stash[_SERVER] = Ministack(port)
        _await_ready(process, config.stash[_SERVER])
    return config.stash[_SERVER]


def _installed() -> Path:
    home, stamp = TOOLS / "ministack", TOOLS / "ministack" / f".installed-{VERSION}"
    TOOLS.mkdir(exist_ok=True)
    with locked(TOOLS / "ministack.lock", timeout_s=INSTALL_TIMEOUT_S):
        if not stamp.exists():
            shutil.rmtree(home, ignore_errors=True)
            _install(home)
            stamp.touch()
    return home / "bin" / "ministack"


def _install(home: Path) -> None:
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    requirement = f"ministack[full]=={VERSION}"
    try:
        for command in ([sys.executable, "-m", "venv", str(home)], [*pip, requirement]):
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S
            )
    except subprocess.SubprocessError as error:
        pytest.skip(f"NOT TESTED: ministack {VERSION} cannot be installed ({error})")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _started(program: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(TOOLS.parent),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
    }
    command = [sys.executable, "-c", _TIED, str(os.getpid()), str(program)]
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
