"""Give functions and configuration back through the Management API."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.domain.errors import HoldfastError, InvalidRequest
from chalicelib.supabase.config import CONFIG
from chalicelib.supabase.functions import FUNCTIONS
from chalicelib.supabase.management import FUNCTIONS_WRITE, ManagementApi, Question, Scope
from chalicelib.supabase.restore.backup import HeldBackup
from chalicelib.supabase.restore.tally import Tally

TYPE_IT: Final = "Set it in the project's dashboard: no backup can hold it."
LOOK: Final = "Compare it with the project's dashboard, and set what is missing."

Part = tuple[str, tuple[str | None, bytes, str]]


@dataclass(frozen=True)
class Written:
    """Say how a section is written back, and what a token needs to read and to write it."""

    method: str
    path: str
    reads: Scope
    writes: Scope


WRITTEN: Final[dict[str, Written]] = {
    "auth": Written(
        "PATCH",
        "/config/auth",
        Scope("auth:read", "auth_config_read"),
        Scope("auth:write", "auth_config_write"),
    ),
    "storage": Written(
        "PATCH",
        "/config/storage",
        Scope(None, "storage_config_read"),
        Scope(None, "storage_config_write"),
    ),
    "realtime": Written(
        "PATCH",
        "/config/realtime",
        Scope(None, "realtime_config_read"),
        Scope(None, "realtime_config_write"),
    ),
    "postgrest": Written(
        "PATCH",
        "/postgrest",
        Scope("rest:read", "data_api_config_read"),
        Scope("rest:write", "data_api_config_write"),
    ),
    "postgres": Written(
        "PUT",
        "/config/database/postgres",
        Scope("database:read", "database_config_read"),
        Scope("database:write", "database_config_write"),
    ),
}
"""The sections that are written as they are read; others take their parts one by one."""


def deploy_functions(api: ManagementApi, backup: HeldBackup, tally: Tally) -> None:
    """Deploy every function from its sources."""
    for function in backup.items(FUNCTIONS):
        slug = str(function["slug"])
        question = Question(
            what=f"the function {slug}",
            path="/functions/deploy",
            scope=FUNCTIONS_WRITE,
            method="POST",
            query={"slug": slug},
            files=form_of(function),
            # the same sources under the same name: a second time changes the version's number
            repeatable=True,
        )
        try:
            api.ask(question)
        except HoldfastError as error:
            tally.refuse(f"function {slug}", error.message, error.hint)
        else:
            tally.restored["EDGE FUNCTION"] += 1


def form_of(function: Mapping[str, Any]) -> list[Part]:
    """Return the parts of a deployment: what is told of the function, then its sources."""
    told = function["metadata"]
    metadata = {
        "name": told.get("name") or function["slug"],
        "entrypoint_path": function.get("entrypoint") or entrypoint_of(function),
        # closed where nothing is told: an open function would answer strangers
        "verify_jwt": bool(told.get("verify_jwt", True)),
    }
    files: list[Part] = [
        ("file", (path, base64.b64decode(text), "application/octet-stream"))
        for path, text in sorted(function["files"].items())
    ]
    return [("metadata", (None, json.dumps(metadata).encode(), "application/json")), *files]


def entrypoint_of(function: Mapping[str, Any]) -> str:
    """Return the path of the source that is run, as the sources are called.

    The list tells a URL of the platform's own file system, the sources have paths below it.
    """
    told = str(function["metadata"].get("entrypoint_path") or "index.ts")
    fitting = [path for path in function["files"] if told.endswith(f"/{path}") or told == path]
    return max(fitting, key=len, default=told)


def write_config(api: ManagementApi, backup: HeldBackup, tally: Tally) -> None:
    """Write the sections back that can be; list secrets and the others."""
    for section in backup.items(CONFIG):
        name, values = str(section["section"]), section["values"]
        for lost in section.get("not_restorable", ()):
            tally.leave(f"setting {name}.{lost}", "a secret, or the platform's own", TYPE_IT)
        if name in WRITTEN and isinstance(values, dict):
            _write(api, name, values, tally)
        elif values:
            tally.leave(f"settings {name}", "the platform takes them one by one only", LOOK)


def read_section(api: ManagementApi, name: str) -> dict[str, Any]:
    """Return what a section of the target is set to."""
    written = WRITTEN[name]
    found = api.document(Question(f"the settings {name}", written.path, written.reads))
    return dict(found)


def _write(api: ManagementApi, name: str, values: dict[str, Any], tally: Tally) -> None:
    known = read_section(api, name)
    # the platform refuses a whole section for one field that it does not know
    for key in sorted(values.keys() - known.keys()):
        tally.leave(f"setting {name}.{key}", "the target does not know it", LOOK)
    sent = {key: values[key] for key in values.keys() & known.keys() if known[key] != values[key]}
    try:
        taken = _send(api, name, sent, tally)
    except HoldfastError as error:
        tally.refuse(f"settings {name}", error.message, error.hint)
        return
    tally.restored["CONFIG SECTION"] += 1
    _compare(name, taken, read_section(api, name), tally)


def _send(api: ManagementApi, name: str, sent: dict[str, Any], tally: Tally) -> dict[str, Any]:
    """Write settings and return those that were taken; what the plan does not allow is left."""
    try:
        if sent:
            api.ask(_writing(name, sent))
    except InvalidRequest:
        # one that is refused takes the others with it
        return {key: sent[key] for key in sorted(sent) if _is_taken(api, name, key, sent, tally)}
    return sent


def _is_taken(api: ManagementApi, name: str, key: str, sent: dict[str, Any], tally: Tally) -> bool:
    try:
        api.ask(_writing(name, {key: sent[key]}))
    except InvalidRequest as error:
        tally.leave(f"setting {name}.{key}", error.message, error.hint)
        return False
    return True


def _writing(name: str, settings: dict[str, Any]) -> Question:
    written = WRITTEN[name]
    what = f"the settings {name}"
    return Question(what, written.path, written.writes, written.method, json=settings)


def _compare(name: str, taken: dict[str, Any], found: dict[str, Any], tally: Tally) -> None:
    """List what the platform made of a setting: it writes some values in words of its own."""
    tally.checked["settings"] += len(taken)
    for key, value in sorted(taken.items()):
        if found.get(key) != value:
            tally.leave(f"setting {name}.{key}", "the platform keeps it in another form", LOOK)
