"""What cases ask of an installation, and how they wait for it: over its API, as callers do."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, Final, TypeVar

import httpx

from chalicelib.domain.connection import Connection
from tests.rehearsal.installation import Installation

PATIENCE_S: Final = 60.0
LOOK_EVERY_S: Final = 0.2
"""The template lets a caller ask 20 times a second."""
TERMINAL: Final = frozenset({"completed", "failed", "cancelled"})
Found = TypeVar("Found")
Shown = dict[str, Any]


def until(
    look: Callable[[], Found], holds: Callable[[Found], bool], patience_s: float = PATIENCE_S
) -> Found:
    """Look again and again until it holds; fail with what was seen last."""
    deadline = time.monotonic() + patience_s
    while not holds(found := look()):
        assert time.monotonic() < deadline, f"it never happened; seen last: {found}"
        Event().wait(LOOK_EVERY_S)
    return found


def shown(answer: httpx.Response) -> Shown:
    """Return what an answer holds; fail with its problem."""
    assert answer.is_success, answer.text
    found: Shown = answer.json()
    return found


def connection_fields(connection: Connection, root: str | None = None) -> Shown:
    """Return a connection as the API takes it; with a root the server must prove who it is."""
    endpoint = connection.endpoint
    return {
        "host": endpoint.host,
        "port": endpoint.port,
        "database": endpoint.database,
        "user": endpoint.user,
        "password": connection.password,
        "sslmode": "verify-full" if root else "prefer",
        **({"sslrootcert": root} if root else {}),
    }


def new_project(installation: Installation, **fields: object) -> str:
    """Make a project; return its id."""
    return str(shown(installation.api.post("/v1/projects", json={"name": "shop"} | fields))["id"])


def requested(installation: Installation, project_id: str, **options: object) -> str:
    """Ask for a backup; return its id."""
    body = {"project_id": project_id, **options}
    return str(shown(installation.api.post("/v1/backups", json=body))["id"])


def backup_of(installation: Installation, backup_id: str) -> Shown:
    """Return a backup as the API shows it."""
    return shown(installation.api.get(f"/v1/backups/{backup_id}"))


def ended(installation: Installation, path: str, patience_s: float = PATIENCE_S) -> Shown:
    """Return a backup, a restore or a job once it has ended."""
    return until(
        lambda: shown(installation.api.get(path)),
        lambda found: found["status"] in TERMINAL,
        patience_s,
    )


def backed_up(
    installation: Installation, project_id: str, patience_s: float = PATIENCE_S, **options: object
) -> Shown:
    """Take a backup; return it once it has ended."""
    backup_id = requested(installation, project_id, **options)
    return ended(installation, f"/v1/backups/{backup_id}", patience_s)


def dumping(installation: Installation, backup_id: str) -> Shown:
    """Return a backup once its dump has begun."""
    return until(
        lambda: backup_of(installation, backup_id),
        lambda found: found["status"] == "in-progress" and found["step"] == "dump",
    )


def settled(installation: Installation, execution: str) -> Shown:
    """Return an execution of a state machine once it has ended."""
    states = installation.client("stepfunctions")

    def look() -> Shown:
        found: Shown = states.describe_execution(executionArn=execution)
        return found

    return until(look, lambda found: found["status"] != "RUNNING")


def history(installation: Installation, execution: str) -> str:
    """Return everything that an execution keeps, as one text."""
    states = installation.client("stepfunctions")
    return json.dumps(
        states.get_execution_history(executionArn=execution, maxResults=1000)["events"], default=str
    )


def downloaded_sha256(installation: Installation, backup_id: str) -> str:
    """Follow a fresh link to the object itself; return the digest of what came."""
    link = shown(installation.api.post(f"/v1/backups/{backup_id}/links", json={}))
    answer = installation.api.get(link["url"], headers=NOBODY, follow_redirects=True)
    assert answer.is_success, answer.text
    return hashlib.sha256(answer.content).hexdigest()


NOBODY: Final[Mapping[str, str]] = {"Authorization": ""}
"""Links are for people without a key, and S3 takes no two kinds of credentials."""


def error_of(found: Shown) -> str:
    """Return how something ended, with its code: failed/storage_failed."""
    error = found["error"] or {}
    return f"{found['status']}/{error.get('code', '')}"
