"""Look inside a backup over HTTP, and restore one of its tables, as a caller would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from chalicelib.domain.connection import Connection
from chalicelib.domain.contents import ArchiveContents, ObjectInside, SchemaInside
from chalicelib.domain.errors import Internal
from chalicelib.local.up import RunningService

TABLES_SHOWN: Final = 3
"""Of each schema: the demo shows a tree, not a list."""
SCHEMAS_SHOWN: Final = 8

_ENDED: Final = frozenset({"completed", "failed", "cancelled"})
_KB: Final = 1000


@dataclass(frozen=True)
class Caller:
    """Ask a service for work and wait for its end; `check` may raise to stop waiting."""

    http: httpx.Client
    service: RunningService
    check: Callable[[], None]

    def contents(self, backup_id: str) -> ArchiveContents:
        """Have a worker list what a backup holds."""
        job = self.answer(self.http.post(f"/v1/backups/{backup_id}/contents"))
        done = self.ended(f"/v1/jobs/{job['id']}")
        if done["status"] != "completed":
            raise Internal(f"the look inside is {done['status']}: {done['error']['message']}")
        return ArchiveContents.model_validate(done["result"])

    def restored(self, backup_id: str, table: str, target: Connection) -> dict[str, Any]:
        """Have a worker restore one table, and return the record of the restore."""
        body = {"backup_id": backup_id, "target": fields_of(target), "tables": [table]}
        restore = self.answer(self.http.post("/v1/restores", json=body))
        return self.ended(f"/v1/restores/{restore['id']}")

    def answer(self, response: httpx.Response) -> dict[str, Any]:
        """Return what was answered; Internal for an error."""
        if response.is_error:
            raise Internal(f"the service answered with status {response.status_code}")
        answer: dict[str, Any] = response.json()
        return answer

    def ended(self, path: str) -> dict[str, Any]:
        """Wait for the end of what answers there, and return it."""
        found: dict[str, Any] = {}

        def has_ended() -> bool:
            self.check()
            found.update(self.answer(self.http.get(path)))
            return found["status"] in _ENDED

        self.service.supervisor.run_until(has_ended)
        return found


def fields_of(connection: Connection) -> dict[str, object]:
    """Return a connection as the API takes it."""
    endpoint = connection.endpoint.model_dump(mode="json", exclude_none=True)
    return {**endpoint, "password": connection.password}


def tree(found: ArchiveContents) -> list[str]:
    """Return a few lines: schemas with their largest tables."""
    head = (
        f"inside are {found.entries} things,"
        f" known from {found.read_bytes / _KB:.0f} kB of {found.stored_bytes / _KB:.0f}"
    )
    shown = [schema for schema in found.schemas if schema.name][:SCHEMAS_SHOWN]
    left = len([schema for schema in found.schemas if schema.name]) - len(shown)
    return [head, *map(_line, shown), *([f"  and {left} more schemas"] if left else [])]


def largest_table(found: ArchiveContents) -> str | None:
    """Name the table with most bytes as the API takes it; None when there is none with rows."""
    tables = [(one, schema.name) for schema in found.schemas for one in _tables(schema)]
    if not tables:
        return None
    one, schema_name = max(tables, key=lambda pair: pair[0].stored_bytes or 0)
    return f"{_quoted(schema_name)}.{_quoted(one.name)}"


def _line(schema: SchemaInside) -> str:
    tables = sorted(_tables(schema), key=lambda one: -(one.stored_bytes or 0))[:TABLES_SHOWN]
    named = [f"{one.name} {(one.stored_bytes or 0) / _KB:.0f} kB" for one in tables]
    others = len(schema.objects) - len(tables)
    return f"  {schema.name}: {', '.join([*named, f'{others} other things'])}"


def _tables(schema: SchemaInside) -> list[ObjectInside]:
    return [one for one in schema.objects if one.kind == "TABLE" and one.stored_bytes]


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
