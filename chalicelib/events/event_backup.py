"""The function `event_backup`: rules of EventBridge that people write themselves.

The detail of the event names a project by its id, and may say what to take and how:

    {"detail": {"project_id": "01…", "options": {"compression": "zstd"}, "tags": {"batch": "7"}}}

EventBridge may deliver an event twice; its own id makes the second one the same backup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import BackupOptions, Description, Name, Tags, Trigger
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.record import Id
from chalicelib.services.backups import NewBackup

ACTOR: Final = "event"


class Detail(BaseModel):
    """Say what is asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project_id: Id
    options: BackupOptions = BackupOptions()
    name: Name | None = None
    description: Description = ""
    tags: Tags = {}
    trigger: Trigger = Trigger.MANUAL


def start_for_event(services: Services, event: Mapping[str, object]) -> dict[str, str]:
    """Request the backup that an event asks for; return its id."""
    event_id = event.get("id")
    if not isinstance(event_id, str) or not event_id:
        raise InvalidRequest("the event has no id", hint="Send it through EventBridge.", field="id")
    asked = _understood(event.get("detail"))
    new = NewBackup(
        project_id=asked.project_id,
        options=asked.options,
        name=asked.name,
        description=asked.description,
        trigger=asked.trigger,
        tags=asked.tags,
        idempotency_key=event_id,
        body=json.dumps(asked.model_dump(mode="json"), sort_keys=True),
    )
    return {"backup_id": services.backups.request(ACTOR, new).id}


def _understood(detail: object) -> Detail:
    try:
        return Detail.model_validate(detail)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"]) or "detail"
        raise InvalidRequest(
            f"the detail of the event cannot be understood: {field}",
            hint="Give project_id, and options as a backup takes them.",
            field=field,
        ) from error
