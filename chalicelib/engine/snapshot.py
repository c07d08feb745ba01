"""Export the snapshot that pg_dump and the counter share, and watch pg_dump from the side.

One session exports the snapshot and holds its transaction open only until both readers have
imported it: from then on they hold it themselves, and this session reads how far COPY has come.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.dump_scope import DumpScope
from chalicelib.domain.facts import SequenceFact
from chalicelib.engine.catalogue import Table, tables
from chalicelib.engine.connection import Session, translated
from chalicelib.engine.proof.facts import positions, sequence_names
from chalicelib.engine.sessions import Sessions

BEGIN: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
POLL_S: Final = 1.0
COPY_PROGRESS_SINCE: Final = 14_00_00
COPY_PROGRESS: Final = b"""
SELECT p.relid::int8, p.bytes_processed
  FROM pg_catalog.pg_stat_progress_copy p JOIN pg_catalog.pg_stat_activity a USING (pid)
 WHERE a.application_name = %s
"""


@dataclass(frozen=True)
class Snapshot:
    """Name an exported snapshot, with the tables whose rows are dumped (none for a schema dump).

    `sequences` say where each stood before anything was read, because they know no snapshot.
    """

    id: str
    tables: tuple[Table, ...]
    session: Session
    sequences: dict[str, SequenceFact]


def export(sessions: Sessions, scopes: Sequence[DumpScope]) -> Snapshot:
    """Open the coordinating session and export a snapshot from it.

    `scopes` are those of the archives with data.
    """
    session = sessions.open()
    with translated(sessions.connection, started=True):
        session.execute(BEGIN)
        row = session.execute(b"SELECT pg_export_snapshot()").fetchone()
        found = tables(session) if scopes else ()
        standing = held_sequences(session, scopes)
    held = tuple(one for one in found if _is_held(scopes, one.schema_name, one.name))
    return Snapshot(str(row[0]) if row else "", held, session, standing)


def held_sequences(session: Session, scopes: Sequence[DumpScope]) -> dict[str, SequenceFact]:
    """Say where the sequences of the archives stand; the role may not be let at others."""
    names = sequence_names(session) if scopes else []
    return positions(session, [name for name in names if _is_held(scopes, *name)])


def _is_held(scopes: Sequence[DumpScope], schema: str, name: str) -> bool:
    return any(scope.holds(schema, name) for scope in scopes)


@dataclass(frozen=True)
class Signals:
    """Tell the coordinator: everybody has imported the snapshot; the dump is over."""

    handed_over: threading.Event
    over: threading.Event


def coordinate(
    sessions: Sessions,
    snapshot: Snapshot,
    signals: Signals,
    report: Callable[[str, int], None],
) -> None:
    """End the exporting transaction once it may end; then report bytes per table until over.

    Runs in a thread. A session that breaks raises SourceLost: the source has gone.
    """
    labels = {table.oid: table.label for table in snapshot.tables}
    mark = (sessions.options.application_name,)
    can_poll = snapshot.session.info.server_version >= COPY_PROGRESS_SINCE
    released = False
    with translated(sessions.connection, started=True):
        while not signals.over.wait(POLL_S):
            if not released and signals.handed_over.is_set():
                snapshot.session.execute(b"COMMIT")
                released = True
            query = COPY_PROGRESS if released and can_poll else b"SELECT 0::int8, 0::int8"
            rows = snapshot.session.execute(query, mark if query is COPY_PROGRESS else None)
            for oid, size_bytes in rows.fetchall():
                if oid in labels:
                    report(labels[oid], size_bytes)
