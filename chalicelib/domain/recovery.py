"""The text that lies beside every backup: how to get the data back without Holdfast."""

from __future__ import annotations

from typing import Final

from chalicelib.domain.backup import Compression, Format
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.object_keys import SCHEMA_DUMP

_UNPACK: Final = {
    Compression.NONE: "cat",
    Compression.GZIP: "gzip -dc",
    Compression.BZIP2: "bzip2 -dc",
    Compression.ZSTD: "zstd -dc",
}


def recovery_text(manifest: Manifest, public_key: str) -> str:
    """Return RECOVERY.md for a backup, in Markdown."""
    main = manifest.main
    return f"""# How to get this data back

Backup `{manifest.backup_id}` of database `{_quoted(manifest.database)}`, type {manifest.type},
taken {manifest.dumped_at:%Y-%m-%d %H:%M:%S} UTC from PostgreSQL {manifest.server_version}.
No Holdfast is needed: only {_needs(manifest)} and an empty database.

## 1. Check the file

    sha256sum {main.name}

must print `{main.checksum.value}` ({main.stored_bytes} bytes).

## 2. Restore it

{_restore(manifest)}

## 3. Check who wrote this

`manifest.json` holds the description and a signature over exactly the bytes of its `payload`:

    jq -rj .payload manifest.json > payload
    jq -rj .signature.value manifest.json | base64 -d > signature
    openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in payload -sigfile signature

where `key.pem` is the public key of the service that made this backup. Compare it with a copy you
keep elsewhere; whoever could replace the backup could replace this one too:

{_indented(public_key)}
"""


def _restore(manifest: Manifest) -> str:
    main = manifest.main.name
    if manifest.format is Format.CUSTOM:
        lines = [f"pg_restore --exit-on-error --no-owner --dbname=TARGET {main}"]
    else:
        unpack = _UNPACK[manifest.compression]
        lines = [f"{unpack} {main} | psql --set=ON_ERROR_STOP=1 --dbname=TARGET"]
    if any(artefact.name == SCHEMA_DUMP for artefact in manifest.artefacts):
        schema = SCHEMA_DUMP
        lines = [
            f"pg_restore --section=pre-data --exit-on-error --no-owner --dbname=TARGET {schema}",
            *lines,
            f"pg_restore --section=post-data --exit-on-error --no-owner --dbname=TARGET {schema}",
        ]
    commands = "\n".join(f"    {line}" for line in lines)
    return "Leave `--no-owner` out when the roles of the source exist on the target.\n\n" + commands


def _needs(manifest: Manifest) -> str:
    program = "pg_restore" if manifest.format is Format.CUSTOM else "psql"
    return f"{program} of PostgreSQL {manifest.restore_needs} or newer"


def _quoted(name: str) -> str:
    # a database may be called anything; keep it on one line and inside its code span
    return name.encode("unicode_escape").decode().replace("`", "'")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines())
