"""Turn a restore's words into what the engine takes: a trusted source and a connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from chalicelib.domain.backup import Backup
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.object_keys import is_dump
from chalicelib.domain.restore import RestoreOptions, RestoreTarget
from chalicelib.ports import Secrets
from chalicelib.postgres_ports import RestoreRequest, RestoreSource, Watch
from chalicelib.services.fetch_artefacts import Fetching
from chalicelib.services.projects import Projects
from chalicelib.services.trusted_backup import TrustedBackups


@dataclass(frozen=True)
class Wanted:
    """Say what is restored where; `run_id` names folder and sessions, `secret_name` the password.

    The secret is read only for a target that is no project.
    """

    backup: Backup
    target: RestoreTarget
    options: RestoreOptions
    run_id: str
    secret_name: str


@dataclass(frozen=True)
class RestoreSources:
    """Make requests for the engine."""

    trusted: TrustedBackups
    projects: Projects
    secrets: Secrets
    fetching: Fetching

    @contextmanager
    def request(self, wanted: Wanted, watch: Watch) -> Iterator[RestoreRequest]:
        """Give the request, with every byte of the backup checked, while the block runs."""
        manifest = self.trusted.manifest(wanted.backup)
        connection = self.connection(wanted)
        folder = self.fetching.folder / f"restore-{wanted.run_id}"
        fetching = replace(self.fetching, folder=folder)
        may_stream = wanted.options.jobs == 1
        # a proof that was kept beside them restores nothing
        dumps = tuple(one for one in manifest.artefacts if is_dump(one.name))
        with fetching.fetched(dumps, watch, may_stream=may_stream) as files:
            source = RestoreSource.described(manifest, files, is_ours=True)
            yield RestoreRequest(source, connection, wanted.options, wanted.run_id)

    def connection(self, wanted: Wanted) -> Connection:
        """Return how to reach the target, with its password."""
        target = wanted.target
        if target.endpoint is not None:
            return Connection(target.endpoint, self.secrets.get(wanted.secret_name))
        try:
            self.projects.get(target.project_id or "")
        except NotFound as error:
            raise Conflict(
                "the project that the restore goes to was deleted meanwhile",
                hint="Restore again, into another project or by the URL of the database.",
            ) from error
        return self.projects.connection(target.project_id or "")

    def backup(self, backup_id: str) -> Backup:
        """Return the backup that is asked for; Conflict when it was deleted meanwhile."""
        try:
            return self.projects.ledger.catalog.get(Backup, backup_id)
        except NotFound as error:
            raise Conflict(
                "the backup was deleted before it was restored", hint="Choose another backup."
            ) from error
