"""The text that lies beside every backup: how to get the data back without Holdfast.

Its fenced blocks are run by people in a hurry, and by a test: each is whole as it stands, but for
the one word TARGET. What a database calls its things goes into a command only where it is harmless
in a shell, in SQL and in Markdown; other names are shown escaped, to be dealt with by hand.
"""

from __future__ import annotations

import re
from typing import Final

from chalicelib.domain.backup import BackupType, Compression, Format
from chalicelib.domain.facts import DatabaseFacts, LocaleFact, RoleFact
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.object_keys import SCHEMA_DUMP, is_dump, is_listing
from chalicelib.domain.recovery_parts import beside_text, restore_lines, role_lines

_UNPACK: Final = {
    Compression.NONE: "cat",
    Compression.GZIP: "gzip -dc",
    Compression.BZIP2: "bzip2 -dc",
    Compression.ZSTD: "zstd -dc",
}
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .@+-]*")
_PSQL: Final = "psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1"


def recovery_text(manifest: Manifest, public_key: str) -> str:
    """Return RECOVERY.md for a backup, in Markdown."""
    return f"""# How to get this data back

Backup `{manifest.backup_id}` of database `{_shown(manifest.database)}`, type {manifest.type},
taken {manifest.dumped_at:%Y-%m-%d %H:%M:%S} UTC from PostgreSQL {manifest.server_version}.
No Holdfast is needed: only {_needs(manifest)}, and a server that is no older than the source.

Run the commands in the folder that holds these files. `TARGET` stands for the name of the database
to make; `PGHOST`, `PGPORT`, `PGUSER` and `PGPASSWORD` say on which server and as whom.

## 1. Check the files

{_fenced(*_checks(manifest))}

## 2. Make the database

{_fenced(_createdb(manifest.counts.facts))}
{_extensions(manifest.counts.facts)}
## 3. Make the roles

{_roles(manifest)}

## 4. Restore it

{_restore(manifest)}
{beside_text(manifest)}
## 5. Check who wrote this

`manifest.json` holds the description and a signature over exactly the bytes of its `payload`. Below
is the public key of the service that made this backup; compare it with a copy that you keep
elsewhere, for whoever could replace the backup could replace this text too:

{_fenced("cat >key.pem <<'END'", public_key.strip(), "END")}

{_fenced(*_SIGNATURE)}
"""


_SIGNATURE: Final = (
    "jq -rj .payload manifest.json >payload",
    "jq -rj .signature.value manifest.json | base64 -d >signature",
    "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in payload -sigfile signature",
)


def _checks(manifest: Manifest) -> list[str]:
    kept = [one for one in manifest.artefacts if is_dump(one.name) or is_listing(one.name)]
    sums = [f"{artefact.checksum.value}  {artefact.name}" for artefact in kept]
    return ["sha256sum --check <<'END'", *sums, "END"]


def _createdb(facts: DatabaseFacts | None) -> str:
    # template0, as pg_restore's manual asks: template1 may hold things of its own
    options = ["--template=template0"]
    if facts is not None and _HARMLESS.fullmatch(facts.locale.encoding):
        options += [f"--encoding={facts.locale.encoding}", *_locale(facts.locale)]
    return " ".join(["createdb", *options, "TARGET"])


def _locale(locale: LocaleFact) -> list[str]:
    # what other providers need, createdb takes since PostgreSQL 15 only
    is_libc = locale.provider == "libc" and locale.collate == locale.ctype
    if not is_libc or not _HARMLESS.fullmatch(locale.collate):
        return []
    return [f'--locale="{locale.collate}"']


def _extensions(facts: DatabaseFacts | None) -> str:
    named = {n: v for n, v in facts.extensions.items() if n != "plpgsql"} if facts else {}
    if not named:
        return ""
    listed = ", ".join(f"`{_shown(name)}` {_shown(version)}" for name, version in named.items())
    return f"\nThe server must be able to make these extensions: {listed}.\n"


def _roles(manifest: Manifest) -> str:
    recorded = role_lines(manifest)
    if not recorded:
        return _owners(manifest.counts.facts)
    return (
        "All roles of the source, without passwords. Errors about roles that are there already are"
        f"\nno harm.\n\n{_fenced(*recorded)}\n\n{_owners(manifest.counts.facts)}"
    )


def _owners(facts: DatabaseFacts | None) -> str:
    if facts is None:
        return "Which roles own things here was not recorded: make those that step 4 asks for."
    harmless = [role for role in facts.roles if _HARMLESS.fullmatch(role.name)]
    others = [f"`{_shown(role.name)}`" for role in facts.roles if role not in harmless]
    by_hand = f"\n\nBy hand, for their names need care: {', '.join(others)}." if others else ""
    return (
        "These own things in the database or have rights on them. They get no password and no"
        " login;\na role that is there already stays as it is.\n\n"
        + _fenced(*map(_create_role, harmless))
        + by_hand
    )


def _create_role(role: RoleFact) -> str:
    power = " SUPERUSER" if role.is_superuser else ""
    block = (
        f'DO $$BEGIN CREATE ROLE "{role.name}"{power};'
        " EXCEPTION WHEN duplicate_object THEN NULL; END$$"
    )
    return f"{_PSQL} --dbname=postgres --command='{block}'"


def _restore(manifest: Manifest) -> str:
    main = manifest.main.name
    if manifest.parts and manifest.type is not BackupType.DATA:
        return _fenced(*restore_lines(manifest))
    lines = [_whole(manifest, main)]
    if manifest.type is BackupType.DATA:
        before, after = (
            f"pg_restore --section={section} --exit-on-error --dbname=TARGET {SCHEMA_DUMP}"
            for section in ("pre-data", "post-data")
        )
        lines = [before, *lines, after]
    return f"{_fenced(*lines)}\n\n{_without_roles(manifest)}"


def _whole(manifest: Manifest, main: str) -> str:
    if manifest.format is Format.CUSTOM:
        return f"pg_restore --exit-on-error --dbname=TARGET {main}"
    return f"{_UNPACK[manifest.compression]} {main} | {_PSQL} --dbname=TARGET"


def _without_roles(manifest: Manifest) -> str:
    if manifest.format is Format.CUSTOM:
        return (
            "Where you may not make roles, leave step 3 out and add `--no-owner --no-privileges`:"
            "\neverything then belongs to whoever restores it."
        )
    return (
        "A script names its owners itself, so step 3 cannot be left out; `psql` stops at the first"
        "\nerror and then leaves TARGET half filled."
    )


def _needs(manifest: Manifest) -> str:
    is_script = manifest.format is Format.PLAIN
    program = "psql" if is_script else "pg_restore"
    return f"{program} of PostgreSQL {manifest.restore_needs} or newer"


def _fenced(*lines: str) -> str:
    return "\n".join(["```sh", *lines, "```"])


def _shown(name: str) -> str:
    # a thing may be called anything; keep it on one line and inside its code span
    return name.encode("unicode_escape").decode().replace("`", "'")
