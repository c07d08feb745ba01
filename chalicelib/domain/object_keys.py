"""Where the objects of a backup lie. Ids are ours (ULIDs), so no key holds a foreign character."""

from __future__ import annotations

from typing import Final

from chalicelib.domain.backup import Backup, BackupType, Compression, Format

MANIFEST: Final = "manifest.json"
RECOVERY: Final = "RECOVERY.md"
SCHEMA_DUMP: Final = "schema.dump"
PROOF: Final = "proof.json"
PROOF_TEXT: Final = "proof.txt"
MAIN: Final = "database."
"""What the name of the dump itself begins with."""

_PLAIN_SUFFIX: Final = {
    Compression.NONE: "",
    Compression.GZIP: ".gz",
    Compression.BZIP2: ".bz2",
    Compression.ZSTD: ".zst",
}


def is_dump(name: str) -> bool:
    """Tell whether an artefact is a dump: the main one, or an archive beside it."""
    return name.startswith(MAIN) or name.endswith(".dump")


def is_part(name: str) -> bool:
    """Tell whether an artefact is an archive of a scope of its own."""
    return is_dump(name) and not name.startswith(MAIN) and name != SCHEMA_DUMP


def is_listing(name: str) -> bool:
    """Tell whether an artefact is text that was taken with the dumps: statements or JSON lines."""
    # database.sql is the dump itself
    return not name.startswith(MAIN) and name.endswith((".sql", ".jsonl"))


def backup_prefix(backup: Backup) -> str:
    """Return the folder of all attempts of a backup."""
    return f"projects/{backup.project_id}/backups/{backup.id}/"


def attempt_prefix(backup: Backup) -> str:
    """Return the folder of the current attempt: no two attempts share a key."""
    return f"{backup_prefix(backup)}{backup.attempt}/"


def artefact_key(backup: Backup, name: str) -> str:
    """Return the key of one artefact of the current attempt."""
    return attempt_prefix(backup) + name


def dump_name(file_format: Format, compression: Compression) -> str:
    """Return the name of the dump itself."""
    if file_format is Format.CUSTOM:
        return "database.dump"
    return "database.sql" + _PLAIN_SUFFIX[compression]


def dump_names(kind: BackupType, file_format: Format, compression: Compression) -> tuple[str, ...]:
    """Return the artefacts a dump makes; `data` brings the schema of the same snapshot along."""
    main = dump_name(file_format, compression)
    return (main, SCHEMA_DUMP) if kind is BackupType.DATA else (main,)
