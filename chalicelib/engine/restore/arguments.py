"""Write the command lines of pg_restore and psql: options as --name=value, paths of our own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chalicelib.domain.restore import RestoreOptions
from chalicelib.engine.clients import Client

BY_ENVIRONMENT: Final = "--dbname=connect_timeout=10"
"""pg_restore connects only when a database is named. This names none: it is a connection string
that sets something harmless, so that host, user and database still come by the environment, where
a name such as `a=b host=elsewhere` is a name."""


@dataclass(frozen=True)
class Stage:
    """Say what one run of pg_restore does; `archive` None reads stdin, `use_list` None takes all.

    `section` is pre-data, data or post-data, None for all.
    """

    archive: Path | None
    use_list: Path | None = None
    section: str | None = None


def restore_arguments(
    client: Client, stage: Stage, options: RestoreOptions, *, is_superuser: bool
) -> list[str]:
    """Return the whole argument list, the program's absolute path first."""
    arguments = [
        str(client.pg_restore),
        BY_ENVIRONMENT,
        "--format=custom",
        "--no-password",
        "--verbose",
    ]
    if stage.use_list is not None:
        arguments.append(f"--use-list={stage.use_list}")
    if stage.section is not None:
        arguments.append(f"--section={stage.section}")
    if options.jobs > 1 and stage.archive is not None:
        arguments.append(f"--jobs={options.jobs}")
    arguments += _wishes(options, is_superuser=is_superuser)
    # absolute, so that no name is taken for an option
    return arguments if stage.archive is None else [*arguments, str(stage.archive.absolute())]


def script_arguments(client: Client) -> list[str]:
    """Return psql's argument list: no start-up file, one transaction, over at the first error."""
    return [
        str(client.psql),
        "--no-psqlrc",
        "--no-password",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--single-transaction",
        "--file=-",
    ]


def _wishes(options: RestoreOptions, *, is_superuser: bool) -> list[str]:
    selection = options.selection
    found = []
    if options.clean:
        found += ["--clean", "--if-exists"]
    if options.no_owner:
        found += ["--no-owner", "--no-privileges"]
    if selection.schema_only:
        found.append("--schema-only")
    if selection.data_only:
        found.append("--data-only")
        if is_superuser:
            found.append("--disable-triggers")
    return found
