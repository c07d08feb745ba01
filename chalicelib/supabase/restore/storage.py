"""Put back what the rows of storage said before the upload of the files changed it.

It is taken from the backup once more and not from the target, where only the session would hold it:
an upload of many files takes hours, and poolers end sessions that say nothing for so long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chalicelib.restore_ports import Aside, Entry, Target
from chalicelib.supabase.parts import STORAGE
from chalicelib.supabase.restore.backup import HeldBackup
from chalicelib.supabase.restore.facts import ProjectFacts
from chalicelib.supabase.restore.preflight import columns_of
from chalicelib.supabase.restore.roles import quoted
from chalicelib.supabase.restore.tally import Tally

OBJECTS: Final = ("storage", "objects")
TABLE: Final = ".".join(OBJECTS)
PLACE: Final = "pg_temp.holdfast_objects"
KEPT: Final = (
    "owner",
    "owner_id",
    "created_at",
    "updated_at",
    "last_accessed_at",
    "user_metadata",
)
"""Columns that an upload sets anew; version and metadata are the new file's own."""


def put_back(target: Target, backup: HeldBackup, kept: Aside, tally: Tally) -> None:
    """Make owners, times and metadata of users as they were, by the rows of the backup."""
    refused = target.use(backup.part(STORAGE).file, kept)
    if refused is not None:
        tally.refuse("owners of files", refused, "Restore as the role postgres of the project.")


def kept_rows(entries: Sequence[Entry], facts: ProjectFacts) -> Aside | None:
    """Say how the rows of files among these are put back; None where there are none."""
    rows = next((entry for entry in entries if (entry.schema, entry.name) == OBJECTS), None)
    return None if rows is None else _kept(rows, facts)


def _kept(rows: Entry, facts: ProjectFacts) -> Aside:
    columns = columns_of(rows)
    listed = ", ".join(map(quoted, columns))
    room = facts.rooms.get(TABLE)
    known = room.columns if room is not None else frozenset()
    pairs = ", ".join(f"{name} = kept.{name}" for name in KEPT if name in known & {*columns})
    made = f"CREATE TEMP TABLE holdfast_objects ON COMMIT DROP AS SELECT {listed} FROM {TABLE}"
    changed = f"UPDATE {TABLE} AS o SET {pairs} FROM {PLACE} AS kept"
    same = "o.bucket_id = kept.bucket_id AND o.name = kept.name"
    return Aside(
        dump_id=rows.dump_id,
        before=(f"{made} WITH NO DATA",),
        copy_statement=f"COPY {PLACE} ({listed}) FROM stdin",
        after=(f"ANALYZE {PLACE}", f"{changed} WHERE {same}"),
    )
