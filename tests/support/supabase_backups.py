"""Back up a stand-in of a Supabase project over a whole embedded service; look at the result."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.backup import Backup, BackupOptions, Status
from chalicelib.domain.connection import Connection
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.project import Project, ProjectKind
from chalicelib.domain.record import Insert, Replace
from chalicelib.domain.supabase import Reached
from chalicelib.local.supabase.stand_in import SupabaseStandIn
from chalicelib.services.backups import NewBackup
from chalicelib.settings import Settings


@dataclass(frozen=True)
class Desk:
    """Hold a service and the one project that it backs up."""

    services: Services
    project: Project

    def request(self, **options: object) -> Backup:
        """Ask for a backup."""
        new = NewBackup(self.project.id, BackupOptions.model_validate(options))
        return self.services.backups.request("key:1", new)

    def run(self, **options: object) -> Backup:
        """Make a backup, whatever becomes of it."""
        return self.services.backup_runner("worker-1").run(self.request(**options).id)

    def completed(self, **options: object) -> Backup:
        """Make a backup that completes."""
        made = self.run(**options)
        assert made.status is Status.COMPLETED, made.error
        return made

    def read(self, backup: Backup, name: str) -> bytes:
        """Return an artefact, or a file by its listing's key."""
        return b"".join(self.services.adapters.store.read(artefact_key(backup, name)))

    def lines(self, backup: Backup, name: str) -> list[dict[str, Any]]:
        """Return the lines of a listing."""
        return [json.loads(line) for line in self.read(backup, name).splitlines()]

    def manifest(self, backup: Backup) -> Manifest:
        """Return what was sealed."""
        return self.services.backup_runner("reader").seal.manifest(backup)

    def reached_as(self, connection: Connection) -> Desk:
        """Return the desk with another project, whose database is reached by this connection."""
        made = self.changed()
        project = made.project.model_copy(update={"endpoint": connection.endpoint, "revision": 1})
        self.services.adapters.secrets.put(project.secret_name, connection.password)
        self.services.ledger.catalog.commit([Replace(project)])
        return replace(made, project=project)

    def plain(self) -> Desk:
        """Return the desk with the database alone, as a project of the usual kind."""
        kind = ProjectKind.POSTGRESQL
        fields = {"id": self.services.ledger.ids.new(), "supabase": None, "project_kind": kind}
        made = self.project.model_copy(update={**fields, "revision": 0})
        secrets = self.services.adapters.secrets
        secrets.put(made.secret_name, secrets.get(self.project.secret_name))
        self.services.ledger.catalog.commit([Insert(made)])
        return replace(self, project=made)

    def changed(self, **settings: object) -> Desk:
        """Return the desk with another project, which has other settings of the platform."""
        assert self.project.supabase is not None
        supabase = self.project.supabase.model_copy(update=settings)
        fields = {"id": self.services.ledger.ids.new(), "supabase": supabase, "revision": 0}
        made = self.project.model_copy(update=fields)
        secrets = self.services.adapters.secrets
        for old, new in zip(self.project.secret_names, made.secret_names, strict=True):
            secrets.put(new, secrets.get(old))
        self.services.ledger.catalog.commit([Insert(made)])
        return replace(self, project=made)


def desk_of(data: Path, stand_in: SupabaseStandIn) -> Desk:
    """Open a service over a folder, with the stand-in as its project."""
    services = embedded(Settings(data=data))
    now = services.ledger.clock.now()
    project = Project(
        id=services.ledger.ids.new(),
        name="shop",
        project_kind=ProjectKind.SUPABASE,
        endpoint=stand_in.connection.endpoint,
        supabase=stand_in.settings.model_copy(update={"reached": Reached.GIVEN}),
        created_at=now,
        updated_at=now,
    )
    secrets = services.adapters.secrets
    secrets.put(project.secret_name, stand_in.connection.password)
    secrets.put(project.token_name, stand_in.access_token)
    secrets.put(project.storage_key_name, stand_in.service_key)
    services.ledger.catalog.commit([Insert(project)])
    return Desk(services, project)


def add_project(desk: Desk, stand_in: SupabaseStandIn, **settings: object) -> Desk:
    """Return a desk of the same service with another stand-in as its project."""
    beside = desk.changed(ref=stand_in.ref, api_url=stand_in.api_url, **settings)
    endpoint = stand_in.connection.endpoint
    secrets, ledger = desk.services.adapters.secrets, desk.services.ledger
    secrets.put(beside.project.secret_name, stand_in.connection.password)
    secrets.put(beside.project.token_name, stand_in.access_token)
    secrets.put(beside.project.storage_key_name, stand_in.service_key)
    moved = ledger.apply(
        Project,
        beside.project.id,
        lambda p: (Replace(p.model_copy(update={"endpoint": endpoint})),),
    )
    return replace(beside, project=moved)
