"""Keep what the rows of storage said while files are uploaded, and put it back."""

from __future__ import annotations

from typing import Final

from chalicelib.restore_ports import Target
from chalicelib.supabase.restore.facts import ProjectFacts
from chalicelib.supabase.restore.tally import Tally

OBJECTS: Final = "storage.objects"
KEPT: Final = (
    "owner",
    "owner_id",
    "created_at",
    "updated_at",
    "last_accessed_at",
    "user_metadata",
)
"""Columns that an upload sets anew; version and metadata are the new file's own."""


def remember(target: Target, facts: ProjectFacts, tally: Tally) -> None:
    """Note what the rows say, in a table that goes with the session."""
    columns = ", ".join(("bucket_id", "name", *kept_columns(facts)))
    statement = f"CREATE TEMP TABLE holdfast_objects AS SELECT {columns} FROM {OBJECTS}"
    refused = target.attempt(statement)
    if refused is not None:
        tally.refuse("rows of storage", refused, "Restore as the role postgres of the project.")


def put_back(target: Target, facts: ProjectFacts, tally: Tally) -> None:
    """Make owners, times and metadata of users as they were."""
    pairs = ", ".join(f"{name} = kept.{name}" for name in kept_columns(facts))
    refused = target.attempt(
        f"UPDATE {OBJECTS} AS o SET {pairs} FROM pg_temp.holdfast_objects AS kept"
        " WHERE o.bucket_id = kept.bucket_id AND o.name = kept.name",
        "DROP TABLE pg_temp.holdfast_objects",
        as_replica=True,
    )
    if refused is not None:
        tally.refuse("owners of files", refused, "Restore as the role postgres of the project.")


def kept_columns(facts: ProjectFacts) -> tuple[str, ...]:
    """Name the columns that are put back, as far as the target has them."""
    room = facts.rooms.get(OBJECTS)
    return tuple(name for name in KEPT if room is not None and name in room.columns)
