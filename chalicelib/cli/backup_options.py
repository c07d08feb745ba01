"""The options that say what a backup takes, for every command that makes one."""

from __future__ import annotations

import click

from chalicelib.domain.backup import Asked, BackupType, Component, Compression, Format
from chalicelib.domain.gate import HOLD_DAYS, MAX_HOLD_DAYS

type_option = click.option(
    "--type",
    "kind",
    type=click.Choice([t.value for t in BackupType]),
    default=BackupType.FULL.value,
    show_default=True,
    help="What to take: everything, definitions only, or rows only with the schema beside.",
)

format_option = click.option(
    "--format",
    "file_format",
    type=click.Choice([f.value for f in Format]),
    help="custom for pg_restore (the default), plain for psql.",
)

compression_option = click.option(
    "--compression",
    type=click.Choice([c.value for c in Compression]),
    help="Codec; without it the fastest that the client at hand has. bzip2 implies plain.",
)


def _listed(
    context: click.Context, parameter: click.Parameter, chosen: tuple[str, ...]
) -> list[str] | None:
    del context, parameter
    return list(chosen) or None


component_option = click.option(
    "--component",
    "components",
    multiple=True,
    type=click.Choice([c.value for c in Component]),
    callback=_listed,
    help="What to take; repeatable. Without it the database, of a Supabase project what it says.",
)

verify_option = click.option(
    "--verify",
    type=click.Choice([Asked.ARCHIVE.value, Asked.STRICT.value]),
    default=Asked.ARCHIVE.value,
    show_default=True,
    help="archive reads every byte of the file back; strict also has the source send every row a"
    " second time, in the same snapshot, and compares. Format custom only.",
)

verification_option = click.option(
    "--verification",
    type=click.Choice([a.value for a in Asked]),
    help="How to verify it: archive reads every byte back; proof also restores it into a scratch"
    " server and compares; strict also reads the source a second time while it is dumped."
    " Without it: what the project says, else archive.",
)

hold_option = click.option(
    "--hold-days",
    type=click.IntRange(0, MAX_HOLD_DAYS),
    help="How long from now nothing may remove a backup made before a migration; 0 releases it."
    f" Such backups begin with {HOLD_DAYS} days.",
)
