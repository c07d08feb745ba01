"""What is known of a database besides its rows: enough to hold a restored copy against it.

Taken from the source while it is dumped, from a restored copy with the same questions, and kept
with the counts in the manifest. Digests are 32 hex digits of SHA-256 unless said otherwise.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """Be a frozen part of what is known; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CopyDigest(Fact):
    """Describe the rows of one table as COPY writes them: SHA-256 and length of the text."""

    sha256: str
    size_bytes: int
    rows: int


class SequenceFact(Fact):
    """Say where a sequence stands.

    `until` is where it stood when the dump had ended, if it moved meanwhile: sequences know no
    snapshot, so the dump may hold any value in between.
    """

    last_value: int
    is_called: bool
    until: int | None = None


class LargeObjects(Fact):
    """Describe all large objects together; nothing here depends on their order.

    `rights` is a sum over owner, grants and comment of each; `digest` is of their bytes.
    """

    count: int
    size_bytes: int | None = None
    digest: str | None = None
    rights: str | None = None


class RoleFact(Fact):
    """Name a role that objects of the database belong to or are granted to."""

    name: str
    is_superuser: bool = False


class LocaleFact(Fact):
    """Say how the database sorts and encodes text; `provider` is libc, icu or builtin."""

    encoding: str
    provider: str
    collate: str
    ctype: str
    name: str | None = None


class DatabaseFacts(Fact):
    """Hold everything but rows.

    `text_settings` are the settings that decide how values are written as text. `definitions` maps
    a class of objects (table, index, function…) to the names of its objects, and these to digests
    of their definitions. `unknown` maps what could not be read to the reason. `copies` are the
    rows of each table as the source itself wrote them a second time; None unless that was asked.
    """

    major: int
    database_bytes: int
    locale: LocaleFact
    text_settings: dict[str, str]
    roles: tuple[RoleFact, ...] = ()
    extensions: dict[str, str] = {}
    sequences: dict[str, SequenceFact] = {}
    large_objects: LargeObjects = LargeObjects(count=0)
    definitions: dict[str, dict[str, str]] = {}
    unknown: dict[str, str] = {}
    copies: dict[str, CopyDigest] | None = None
