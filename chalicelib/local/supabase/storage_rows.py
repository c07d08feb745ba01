"""The rows behind the stand-in's Storage, as the role that keeps them on the platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final

from psycopg.types.json import Jsonb

from chalicelib.domain.connection import Connection
from chalicelib.engine.connection import Session, SessionOptions, open_session

OPTIONS: Final = SessionOptions("supabase storage", lock_timeout_s=30.0)

FIND: Final = """
SELECT id::text, name, version, metadata, user_metadata, owner_id
  FROM storage.objects WHERE bucket_id = %s AND name = %s
"""
PAGE: Final = """
SELECT id::text, name, version, metadata, user_metadata, owner_id
  FROM storage.objects
 WHERE bucket_id = %s AND starts_with(name, %s) AND name COLLATE "C" > %s
 ORDER BY name COLLATE "C" LIMIT %s
"""
INSERT: Final = """
INSERT INTO storage.objects (bucket_id, name, version, metadata, user_metadata, owner_id)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (bucket_id, name) DO NOTHING
RETURNING id::text, name, version, metadata, user_metadata, owner_id
"""
UPSERT: Final = """
INSERT INTO storage.objects (bucket_id, name, version, metadata, user_metadata, owner_id)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (bucket_id, name) DO UPDATE
   SET metadata = excluded.metadata, user_metadata = excluded.user_metadata,
       version = excluded.version, owner = excluded.owner, owner_id = excluded.owner_id,
       updated_at = now()
RETURNING id::text, name, version, metadata, user_metadata, owner_id
"""
REMOVE: Final = """
DELETE FROM storage.objects WHERE bucket_id = %s AND name = %s
RETURNING id::text, name, version, metadata, user_metadata, owner_id
"""


@dataclass(frozen=True)
class ObjectRow:
    """Hold what is known of one file, without its bytes."""

    id: str
    name: str
    version: str
    metadata: Mapping[str, object]
    user_metadata: Mapping[str, object] | None = None
    owner_id: str | None = None


class StorageRows:
    """Read and write storage.buckets and storage.objects."""

    def __init__(self, connection: Connection) -> None:
        """Open nothing yet."""
        self._connection = connection
        self._idle: SimpleQueue[Session] = SimpleQueue()

    def close(self) -> None:
        """Close the sessions that nobody uses."""
        while not self._idle.empty():
            self._idle.get().close()

    def buckets(self) -> list[dict[str, Any]]:
        """List the buckets."""
        with self._session() as session:
            rows = session.execute("SELECT to_jsonb(b) FROM storage.buckets b ORDER BY id")
            return [row[0] for row in rows]

    def has_bucket(self, bucket: str) -> bool:
        """Tell whether there is such a bucket."""
        with self._session() as session:
            found = session.execute("SELECT FROM storage.buckets WHERE id = %s", (bucket,))
            return found.fetchone() is not None

    def make_bucket(self, bucket: str, said: Mapping[str, Any]) -> bool:
        """Make a bucket; False when there is one already."""
        values = (
            bucket,
            said.get("name") or bucket,
            said.get("public", False),
            said.get("file_size_limit"),
            said.get("allowed_mime_types"),
        )
        with self._session() as session:
            made = session.execute(
                "INSERT INTO storage.buckets (id, name, public, file_size_limit,"
                " allowed_mime_types) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                values,
            )
            return made.rowcount == 1

    def page(self, bucket: str, prefix: str, after: str, limit: int) -> list[ObjectRow]:
        """List objects by name, those after a name."""
        with self._session() as session:
            rows = session.execute(PAGE, (bucket, prefix, after, limit))
            return [ObjectRow(*row) for row in rows]

    def find(self, bucket: str, name: str) -> ObjectRow | None:
        """Return an object, if it is there."""
        with self._session() as session:
            row = session.execute(FIND, (bucket, name)).fetchone()
            return ObjectRow(*row) if row else None

    def put(self, bucket: str, row: ObjectRow, *, upsert: bool) -> ObjectRow | None:
        """Write an object; None when the name is taken and is to stay.

        An upsert overwrites what the platform's does: metadata, version and owner.
        """
        said = Jsonb(dict(row.user_metadata)) if row.user_metadata is not None else None
        values = (bucket, row.name, row.version, Jsonb(dict(row.metadata)), said, row.owner_id)
        with self._session() as session:
            kept = session.execute(UPSERT if upsert else INSERT, values).fetchone()
            return ObjectRow(*kept) if kept else None

    def remove(self, bucket: str, name: str) -> ObjectRow | None:
        """Remove an object and return what it was."""
        with self._session() as session:
            session.execute("SELECT set_config('storage.allow_delete_query', 'true', false)")
            row = session.execute(REMOVE, (bucket, name)).fetchone()
            return ObjectRow(*row) if row else None

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            session = self._idle.get_nowait()
        except Empty:
            session = open_session(self._connection, OPTIONS)
        try:
            yield session
        except BaseException:
            session.close()
            raise
        self._idle.put(session)
