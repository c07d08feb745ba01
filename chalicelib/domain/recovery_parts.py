"""What RECOVERY.md says of a backup that is more than one archive."""

from __future__ import annotations

from typing import Final

from chalicelib.domain.backup import BackupType, Component
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.object_keys import is_listing
from chalicelib.domain.role_statements import ROLES
from chalicelib.domain.storage_file import FILES, OBJECTS

PSQL: Final = "psql --no-psqlrc --quiet"
RESTORE: Final = "pg_restore --exit-on-error --dbname=TARGET"

# whole lines of a table of contents, so that no thing that is merely called so is left out
_EXTENSION: Final = "/^[0-9]*; [0-9]* [0-9]* EXTENSION /"
_EVENT_TRIGGER: Final = "/^[0-9]*; [0-9]* [0-9]* EVENT TRIGGER /"

_MEANINGS: Final = {
    ROLES: "the roles, a statement per line; passwords are in no backup and must be set again",
    "catalogue.jsonl": "what no archive holds: triggers and policies on tables of the platform,"
    " cron jobs, publications, materialised views, default privileges, names of secrets",
    OBJECTS: "the rows of all stored files, as of the snapshot",
    FILES: "where each stored file lies (`key`) with its SHA-256, or why it is missing",
    "functions.jsonl": "the functions, a line each; `files` holds their sources, base64 by path",
    "config.jsonl": "the configuration, a line per section; `not_restorable` names what must be"
    " set again by hand",
}


def role_lines(manifest: Manifest) -> list[str]:
    """Return the commands that make the recorded roles; those that are there only say so."""
    has_roles = any(one.name == ROLES for one in manifest.artefacts)
    return [f"{PSQL} --dbname=postgres --file={ROLES}"] if has_roles else []


def restore_lines(manifest: Manifest) -> list[str]:
    """Return the commands that restore every archive into one database.

    The platform's own event triggers stay behind: what they call is the platform's as well.
    """
    main = manifest.main.name
    managed = [one.name for one in manifest.parts if one.type is BackupType.SCHEMA]
    rows = [one.name for one in manifest.parts if one.type is not BackupType.SCHEMA]
    listed = "--use-list=database.list"
    kept = f"sed '{_EVENT_TRIGGER}d; {_EXTENSION}d'"
    return [
        f"{PSQL} --set=ON_ERROR_STOP=1 --dbname=TARGET --command='CREATE SCHEMA extensions'",
        f"pg_restore --list {main} | {kept} >database.list",
        f"pg_restore --list {main} | sed -n '{_EXTENSION}p' >extensions.list",
        f"{RESTORE} --use-list=extensions.list {main}",
        *(f"{RESTORE} --section=pre-data {name}" for name in managed),
        f"{RESTORE} --section=pre-data {listed} {main}",
        *(f"{RESTORE} --section=data {name}" for name in rows),
        f"{RESTORE} --section=data {listed} {main}",
        *(f"{RESTORE} --section=post-data {name}" for name in managed),
        f"{RESTORE} --section=post-data {listed} {main}",
    ]


def beside_text(manifest: Manifest) -> str:
    """Return what the files beside the archives are, and what to know of the restore."""
    names = [one.name for one in manifest.artefacts if is_listing(one.name)]
    listed = [f"- `{name}`: {_MEANINGS[name]}." for name in names if name in _MEANINGS]
    told = [] if not manifest.parts else [_OUTSIDE]
    files = [_FETCH] if Component.STORAGE in manifest.components and FILES in names else []
    return "\n".join(["", *listed, *told, *files, ""]) if listed or told else ""


_OUTSIDE: Final = """
The commands above bring everything into a PostgreSQL of your own, as a superuser. Take the line of
an extension that this server does not have out of `extensions.list`, and of what needs it out of
`database.list`. A Supabase project has the platform's schemas already: restore only `auth.dump`,
`storage.dump` and `database.dump` into one, never `managed.dump`."""

_FETCH: Final = """
The files lie in the folder `files` beside this text, under the running numbers of their listing."""
