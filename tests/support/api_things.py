"""Real records for generated requests to meet: with random ids alone all answers would be 404.

`SOURCES` says which parameter or field names which kind. What a request has ended or removed is
made again when the next one asks for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

from pydantic import SecretStr

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import ApiKey, Role
from chalicelib.domain.backup import Artefact, Backup, Checksum, Compression, Format, Status
from chalicelib.domain.channel import Channel, ChannelKind
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import NotFound
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.link import Link
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Record
from chalicelib.domain.restore import Restore, RestoreOptions
from chalicelib.domain.schedule import Schedule
from chalicelib.services.access import NewKey
from chalicelib.services.channels import NewChannel
from chalicelib.services.links import NewLink
from chalicelib.services.projects import NewProject
from chalicelib.services.restores import NewRestore
from chalicelib.services.schedules import NewSchedule

R = TypeVar("R", bound=Record)

ACTOR: Final = "test"
SOURCE: Final = Connection(Endpoint(host="db.example.org", database="shop"), "s3cret-of-shop")
CONTENT: Final = b"PGDMP and more"


class Things:
    """Keep one usable record of each kind in a service."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[type[Record], str] = {}
        self._token = ""

    def project(self) -> str:
        new = NewProject("shop", SOURCE, {})
        return self._usable(Project, lambda: self._services.projects.create(ACTOR, new)).id

    def backup(self) -> str:
        return self._backup().id

    def artefact(self) -> str:
        return self._backup().artefacts[0].name

    def job(self) -> str:
        return self._usable(Job, self._new_job).id

    def restore(self) -> str:
        """Give one that nobody has cancelled yet."""
        return self._usable(Restore, self._new_restore, lambda r: not r.status.is_terminal).id

    def link(self) -> str:
        """Give one of the backup above, alive."""
        backup_id = self.backup()
        return self._usable(
            Link,
            self._new_link,
            lambda link: (link.backup_id, link.revoked_at) == (backup_id, None),
        ).id

    def schedule(self) -> str:
        new = NewSchedule("nightly", "daily", project_id=self.project())
        return self._usable(Schedule, lambda: self._services.schedules.create(ACTOR, new)).id

    def channel(self) -> str:
        url = SecretStr("https://hooks.example.org/")
        new = NewChannel("on call", ChannelKind.WEBHOOK, url)
        return self._usable(Channel, lambda: self._services.channels.create(ACTOR, new)[0]).id

    def token(self) -> str:
        self.link()
        return self._token

    def key(self) -> str:
        return self._usable(ApiKey, self._new_key, lambda key: key.revoked_at is None).id

    def _usable(
        self, kind: type[R], make: Callable[[], R], is_usable: Callable[[R], bool] = bool
    ) -> R:
        known = self._known.get(kind)
        try:
            found = self._services.ledger.catalog.get(kind, known) if known else None
        except NotFound:
            found = None
        if found is None or not is_usable(found):
            found = make()
            self._known[kind] = found.id
        return found

    def _backup(self) -> Backup:
        return self._usable(
            Backup, self._new_backup, lambda b: b.status is Status.COMPLETED and b.chore is None
        )

    def _new_backup(self) -> Backup:
        ledger = self._services.ledger
        now = ledger.clock.now()
        backup = Backup(
            id=ledger.ids.new(),
            project_id=self._services.projects.create(ACTOR, NewProject("old", SOURCE, {})).id,
            name="nightly",
            requested_by=ACTOR,
            created_at=now,
            completed_at=now,
            status=Status.COMPLETED,
            attempt=1,
            format=Format.CUSTOM,
            compression=Compression.GZIP,
            locked=True,
        )
        made = backup.model_copy(update={"artefacts": (_artefact(backup),)})
        self._services.adapters.store.put(
            made.artefacts[0].key, CONTENT, content_type="application/octet-stream"
        )
        ledger.catalog.commit([Insert(made)])
        return made

    def _new_job(self) -> Job:
        return self._services.jobs.request(ACTOR, JobKind.TEST, self.project(), JobArguments())

    def _new_restore(self) -> Restore:
        new = NewRestore(self.backup(), self.project(), RestoreOptions())
        return self._services.restores.request(ACTOR, new)

    def _new_link(self) -> Link:
        link, self._token = self._services.links.create(ACTOR, self._backup(), NewLink())
        return link

    def _new_key(self) -> ApiKey:
        return self._services.access.create(ACTOR, NewKey("theirs", Role.VIEWER))[0]


def _artefact(backup: Backup) -> Artefact:
    return Artefact(
        name="database.dump",
        key=artefact_key(backup, "database.dump"),
        stored_bytes=len(CONTENT),
        checksum=Checksum(value=hashlib.sha256(CONTENT).hexdigest()),
    )


SOURCES: Final[dict[str, Callable[[Things], str]]] = {
    "project_id": Things.project,
    "project": Things.project,
    "projects": Things.project,
    "target.project_id": Things.project,
    "backup_id": Things.backup,
    "backup": Things.backup,
    "artefact": Things.artefact,
    "job_id": Things.job,
    "restore_id": Things.restore,
    "link_id": Things.link,
    "token": Things.token,
    "key_id": Things.key,
    "channel_id": Things.channel,
    "schedule_id": Things.schedule,
    "schedule": Things.schedule,
}
"""Where the value of a parameter, or of a field by its place in a body, comes from. A new kind of
record takes a line here for each of its names, and a method above that gives one."""

ALONE: Final = {"target": "project_id"}
"""What may be said in several ways, and the way that names a record: the schema lets all of them
stand together, so that hardly a generated request would get through."""


def aim(fields: dict[str, Any], things: Things, place: str = "") -> None:
    """Let every field that names something name something that is there; types stay as they are."""
    for name, value in fields.items():
        source = SOURCES.get(place + name)
        if isinstance(value, dict):
            fields[name] = _alone(place + name, value)
            aim(fields[name], things, f"{place}{name}.")
        elif source is not None and isinstance(value, str):
            fields[name] = source(things)
        elif source is not None and isinstance(value, list) and value:
            fields[name] = [source(things)]


def _alone(place: str, value: dict[str, Any]) -> dict[str, Any]:
    name = ALONE.get(place)
    return {name: value[name]} if name in value else value
