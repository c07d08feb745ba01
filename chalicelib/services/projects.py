"""Projects: what can be backed up, and how to reach it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from chalicelib.domain.backup import Asked, Backup
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import Conflict, HoldfastError, NotFound
from chalicelib.domain.project import Project, ProjectKind
from chalicelib.domain.proof import Assertion
from chalicelib.domain.record import Insert, Page, Query, Remove, Replace, Write
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.supabase import SupabaseSettings
from chalicelib.ports import Secrets
from chalicelib.services.changes import replacing
from chalicelib.services.ledger import Ledger


@dataclass(frozen=True)
class PlatformKeys:
    """Hold what opens a Supabase project besides the database's password; None: not given."""

    access_token: str | None = field(default=None, repr=False)
    storage_key: str | None = field(default=None, repr=False)

    def named(self, project: Project) -> dict[str, str]:
        """Return those that were given, by their names in the secrets."""
        pairs = (
            (project.token_name, self.access_token),
            (project.storage_key_name, self.storage_key),
        )
        return {name: value for name, value in pairs if value is not None}


@dataclass(frozen=True)
class NewProject:
    """Say what to create; `tags` as on backups."""

    name: str
    connection: Connection
    tags: dict[str, str]
    verification: Asked | None = None
    assertions: tuple[Assertion, ...] = ()
    retention: RetentionPolicy | None = None
    supabase: SupabaseSettings | None = None
    keys: PlatformKeys = PlatformKeys()


@dataclass(frozen=True)
class ProjectChanges:
    """Say what to change; None leaves a field as it is.

    `cleared` names what is taken away: `verification`, `retention`, so that everything stays from
    then on, `access_token` or `storage_key`.
    """

    name: str | None = None
    endpoint: Endpoint | None = None
    password: str | None = field(default=None, repr=False)
    tags: dict[str, str] | None = None
    verification: Asked | None = None
    assertions: tuple[Assertion, ...] | None = None
    retention: RetentionPolicy | None = None
    cleared: frozenset[str] = frozenset()
    supabase: SupabaseSettings | None = None
    keys: PlatformKeys = PlatformKeys()

    def forgotten(self, project: Project) -> tuple[str, ...]:
        """Return the names in the secrets of the keys that are taken away."""
        names = {"access_token": project.token_name, "storage_key": project.storage_key_name}
        return tuple(name for field_name, name in names.items() if field_name in self.cleared)


_RECORDED: Final = (
    *("name", "endpoint", "tags", "verification", "assertions", "retention", "supabase"),
)
"""The changes that a project's record holds; the others are secrets."""


def any_endpoint(endpoint: Endpoint) -> None:
    """Let every endpoint be: whoever names one here may reach it anyway."""
    del endpoint


def as_given(project: Project, connection: Connection) -> Connection:
    """Reach a project where its record says."""
    del project
    return connection


@dataclass(frozen=True)
class Projects:
    """Create, read, change and delete projects; passwords go to the secrets only.

    `check` raises for an endpoint that must not be saved. `locate` finds the way to a project's
    database at the moment when it is needed.
    """

    ledger: Ledger
    secrets: Secrets
    check: Callable[[Endpoint], None] = any_endpoint
    locate: Callable[[Project, Connection], Connection] = as_given

    def create(self, actor: str, new: NewProject) -> Project:
        """Store a project and its password.

        The password goes first: a crash in between leaves a secret nobody names, never a project
        that cannot be reached.
        """
        self._check(new.connection.endpoint, new.supabase)
        now = self.ledger.clock.now()
        project = Project(
            id=self.ledger.ids.new(),
            name=new.name,
            project_kind=ProjectKind.SUPABASE if new.supabase else ProjectKind.POSTGRESQL,
            endpoint=new.connection.endpoint,
            tags=new.tags,
            verification=new.verification,
            assertions=new.assertions,
            retention=new.retention,
            supabase=new.supabase,
            created_at=now,
            updated_at=now,
        )
        # before the record: a crash in between leaves secrets nobody names, see above
        kept = {project.secret_name: new.connection.password, **new.keys.named(project)}
        try:
            for name, value in kept.items():
                self.secrets.put(name, value)
            self.ledger.catalog.commit(
                [Insert(project), self._event(actor, project, "project.created")]
            )
        except HoldfastError:
            self._forget(project)
            raise
        return project.model_copy(update={"revision": 1})

    def get(self, project_id: str) -> Project:
        """Return a project; NotFound when there is none."""
        return self.ledger.catalog.get(Project, project_id)

    def find(self, query: Query[Project]) -> Page[Project]:
        """Return one page of projects, newest first."""
        return self.ledger.catalog.find(query)

    def update(self, actor: str, project_id: str, changes: ProjectChanges) -> Project:
        """Change a project; a new password replaces the old one, cleared keys are forgotten."""
        if changes.endpoint is not None:
            self._check(changes.endpoint, changes.supabase)
        secret = self._replaced(project_id, changes)
        update = replacing({name: getattr(changes, name) for name in _RECORDED}, changes.cleared)

        def decide(project: Project) -> tuple[Write, ...]:
            now = self.ledger.clock.now()
            changed = project.model_copy(update={**update, "updated_at": now})
            pair, told = (project, changed), {"name": changed.name, **secret}
            event = self.ledger.change(actor, "project.updated", pair, project.id, **told)
            return (Replace(changed), event)

        changed = self.ledger.apply(Project, project_id, decide)
        # behind the record: what the audit log says first is done again by asking again
        for name in changes.forgotten(changed):
            self.secrets.delete(name)
        return changed

    def delete(self, actor: str, project_id: str) -> None:
        """Delete a project that has no backups; Conflict while it has any."""
        project = self.get(project_id)
        backups = self.ledger.catalog.find(Query(Backup, index=("project_id", project_id), limit=1))
        if backups.items:
            raise Conflict(
                "the project still has backups",
                hint="Delete its backups first; they can be restored without the project.",
            )
        self.ledger.catalog.commit(
            # the record before its secrets: a project that is listed must be within reach
            [Remove(project), self._event(actor, project, "project.deleted")]
        )
        self._forget(project)

    def connection(self, project_id: str) -> Connection:
        """Return how to reach a project's database, with its password. For workers only.

        Of a Supabase project this may ask its Management API, and raise what that refuses with.
        """
        return self.connection_of(self.get(project_id))

    def connection_of(self, project: Project) -> Connection:
        """Return the same of a project that was read already."""
        given = Connection(project.endpoint, self.secrets.get(project.secret_name))
        return self.locate(project, given)

    def keys(self, project: Project) -> PlatformKeys:
        """Return what opens a Supabase project besides the password. For workers only."""
        return PlatformKeys(self._known(project.token_name), self._known(project.storage_key_name))

    def _known(self, name: str) -> str | None:
        try:
            return self.secrets.get(name)
        except NotFound:
            return None

    def _check(self, endpoint: Endpoint, supabase: SupabaseSettings | None) -> None:
        self.check(endpoint)
        if supabase is not None and supabase.is_local:
            # where callers may reach public hosts only, a stand-in of this machine is none
            self.check(Endpoint(host=urlsplit(supabase.api_url).hostname or ""))

    def _replaced(self, project_id: str, changes: ProjectChanges) -> dict[str, str]:
        """Keep the new secrets and return what the audit log says of them."""
        project = self.get(project_id)
        kept = changes.keys.named(project)
        if changes.password is not None:
            kept[project.secret_name] = changes.password
        for name, value in kept.items():
            self.secrets.put(name, value)
        told = dict.fromkeys(kept, "changed") | dict.fromkeys(changes.forgotten(project), "removed")
        return {name.rpartition("/")[2].replace("-", "_"): how for name, how in told.items()}

    def _forget(self, project: Project) -> None:
        for name in project.secret_names:
            self.secrets.delete(name)

    def _event(self, actor: str, project: Project, action: str) -> Insert:
        return self.ledger.event(actor, action, project.id, project.id, name=project.name)
