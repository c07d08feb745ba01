"""Projects: what can be backed up, and how to reach it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.domain.backup import Asked, Backup
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import Conflict, HoldfastError
from chalicelib.domain.project import Project
from chalicelib.domain.proof import Assertion
from chalicelib.domain.record import Insert, Page, Query, Remove, Replace, Write
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.ports import Secrets
from chalicelib.services.ledger import Ledger


@dataclass(frozen=True)
class NewProject:
    """Say what to create; `tags` as on backups."""

    name: str
    connection: Connection
    tags: dict[str, str]
    verification: Asked | None = None
    assertions: tuple[Assertion, ...] = ()
    retention: RetentionPolicy | None = None


@dataclass(frozen=True)
class ProjectChanges:
    """Say what to change; None leaves a field as it is.

    `forgets_retention` takes all rules away, so that everything stays from then on.
    """

    name: str | None = None
    endpoint: Endpoint | None = None
    password: str | None = None
    tags: dict[str, str] | None = None
    verification: Asked | None = None
    assertions: tuple[Assertion, ...] | None = None
    retention: RetentionPolicy | None = None
    forgets_retention: bool = False


def any_endpoint(endpoint: Endpoint) -> None:
    """Let every endpoint be: whoever names one here may reach it anyway."""
    del endpoint


@dataclass(frozen=True)
class Projects:
    """Create, read, change and delete projects; passwords go to the secrets only.

    `check` raises for an endpoint that must not be saved.
    """

    ledger: Ledger
    secrets: Secrets
    check: Callable[[Endpoint], None] = any_endpoint

    def create(self, actor: str, new: NewProject) -> Project:
        """Store a project and its password.

        The password goes first: a crash in between leaves a secret nobody names, never a project
        that cannot be reached.
        """
        self.check(new.connection.endpoint)
        now = self.ledger.clock.now()
        project = Project(
            id=self.ledger.ids.new(),
            name=new.name,
            endpoint=new.connection.endpoint,
            tags=new.tags,
            verification=new.verification,
            assertions=new.assertions,
            retention=new.retention,
            created_at=now,
            updated_at=now,
        )
        self.secrets.put(project.secret_name, new.connection.password)
        try:
            self.ledger.catalog.commit(
                [Insert(project), self._event(actor, project, "project.created")]
            )
        except HoldfastError:
            self.secrets.delete(project.secret_name)
            raise
        return project.model_copy(update={"revision": 1})

    def get(self, project_id: str) -> Project:
        """Return a project; NotFound when there is none."""
        return self.ledger.catalog.get(Project, project_id)

    def find(self, query: Query[Project]) -> Page[Project]:
        """Return one page of projects, newest first."""
        return self.ledger.catalog.find(query)

    def update(self, actor: str, project_id: str, changes: ProjectChanges) -> Project:
        """Change a project; a new password replaces the old one."""
        if changes.endpoint is not None:
            self.check(changes.endpoint)
        if changes.password is not None:
            self.secrets.put(self.get(project_id).secret_name, changes.password)
        update: dict[str, object] = {
            name: value
            for name, value in (
                ("name", changes.name),
                ("endpoint", changes.endpoint),
                ("tags", changes.tags),
                ("verification", changes.verification),
                ("assertions", changes.assertions),
                ("retention", changes.retention),
            )
            if value is not None
        }
        if changes.forgets_retention:
            update["retention"] = None

        secret = {"password": "changed"} if changes.password is not None else {}

        def decide(project: Project) -> tuple[Write, ...]:
            now = self.ledger.clock.now()
            changed = project.model_copy(update={**update, "updated_at": now})
            pair, told = (project, changed), {"name": changed.name, **secret}
            event = self.ledger.change(actor, "project.updated", pair, project.id, **told)
            return (Replace(changed), event)

        return self.ledger.apply(Project, project_id, decide)

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
            [Remove(project), self._event(actor, project, "project.deleted")]
        )
        self.secrets.delete(project.secret_name)

    def connection(self, project_id: str) -> Connection:
        """Return how to reach a project's database, with its password. For workers only."""
        project = self.get(project_id)
        return Connection(project.endpoint, self.secrets.get(project.secret_name))

    def _event(self, actor: str, project: Project, action: str) -> Insert:
        return self.ledger.event(actor, action, project.id, project.id, name=project.name)
