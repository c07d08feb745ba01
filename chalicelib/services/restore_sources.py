"""Turn a restore's words into what the engine takes: a trusted source and a connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from chalicelib.domain.backup import Artefact, Backup
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.object_keys import SCHEMA_DUMP, artefact_key, is_dump, is_listing
from chalicelib.domain.restore import RestoreOptions, RestoreTarget
from chalicelib.ports import Secrets
from chalicelib.postgres_ports import PlatformTarget, RestoreRequest, RestoreSource, Watch
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
        # several jobs of pg_restore seek in the archive, each for itself, and a pipe cannot
        may_stream = wanted.options.jobs == 1
        platform = self.platform(wanted)
        needed = _needed(manifest, is_platform=platform is not None)
        with fetching.fetched(needed, watch, may_stream=may_stream) as files:
            by_name = {one.name: file for one, file in zip(needed, files, strict=True)}
            described = RestoreSource.described(manifest, by_name, is_ours=True)
            source = replace(described, open_file=partial(self._file, wanted.backup))
            yield RestoreRequest(source, connection, wanted.options, wanted.run_id, platform)

    def platform(self, wanted: Wanted) -> PlatformTarget | None:
        """Return the platform behind the target; None where it is a database alone."""
        if wanted.target.project_id is None:
            return None
        project = self.projects.get(wanted.target.project_id)
        if project.supabase is None:
            return None
        keys = self.projects.keys(project)
        return PlatformTarget(project.supabase, keys.access_token, keys.storage_key)

    def _file(self, backup: Backup, name: str) -> Iterator[bytes]:
        """Yield the bytes of a copied file; whoever takes them knows their checksum."""
        return self.fetching.store.read(artefact_key(backup, name))

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


def _needed(manifest: Manifest, *, is_platform: bool) -> tuple[Artefact, ...]:
    """Return what is read: a database alone takes the dump, a platform all that lies beside it."""
    if not is_platform:
        wanted = {manifest.main.name, SCHEMA_DUMP}
        return tuple(one for one in manifest.artefacts if one.name in wanted)
    return tuple(one for one in manifest.artefacts if is_dump(one.name) or is_listing(one.name))
