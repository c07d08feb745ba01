"""Say what a restore would meet, as a job: the archive is fetched and checked as for a restore."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.backup import Component
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.job import Job
from chalicelib.domain.restore import Preflight
from chalicelib.postgres_ports import Restorer, Watch
from chalicelib.services.restore_sources import RestoreSources, Wanted

BY_HAND: Final = "RECOVERY.md beside the backup says how to bring it by hand"


@dataclass(frozen=True)
class RestorePreflight:
    """Do the work of a preflight job."""

    sources: RestoreSources
    restorer: Restorer

    def run(self, job: Job, watch: Watch) -> Preflight:
        """Look at backup and target; the password that the job brought is forgotten afterwards."""
        arguments, backup_id = job.arguments.restore, job.arguments.backup_id
        if arguments is None or backup_id is None:
            raise InvalidRequest("a preflight job needs a backup and a target", field="backup_id")
        wanted = Wanted(
            backup=self.sources.backup(backup_id),
            target=arguments.target,
            options=arguments.options,
            run_id=job.id,
            secret_name=arguments.secret_name(job.id),
        )
        try:
            with self.sources.request(wanted, watch) as request:
                found = self.restorer.preflight(request, watch)
                if request.platform is not None:
                    return found
            told = left_out(wanted.backup.options.components)
            return found.model_copy(update={"warnings": (*found.warnings, *told)})
        finally:
            if arguments.target.endpoint is not None:
                self.sources.secrets.delete(wanted.secret_name)


def left_out(components: Iterable[Component]) -> tuple[str, ...]:
    """Say which components of a backup a plain database does not get."""
    return tuple(
        f"component {component} is not restored into a plain database; {BY_HAND}"
        for component in components
        if component is not Component.DATABASE
    )
