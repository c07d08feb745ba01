"""Read a source a second time while it is dumped, in the same snapshot, for level strict.

Each table is copied out once more by a session of ours and digested as it comes. The price: the
server sends every row and every large object twice, and this process spends about two seconds of a
processor on a million rows.
"""

from __future__ import annotations

from psycopg import sql

from chalicelib.domain.backup import SourceCounts
from chalicelib.domain.facts import DatabaseFacts
from chalicelib.engine.connection import Session
from chalicelib.engine.proof.copies import encoded_as, large_objects, read_rows

# Without a list of columns COPY writes those that pg_dump names: all but generated ones.
COPY = "COPY {} TO STDOUT"


def read_again(session: Session, counts: SourceCounts, known: DatabaseFacts) -> DatabaseFacts:
    """Digest every counted table and the large objects in the transaction that is open.

    A counted table cannot be locked any more: the count holds a lock of its own.
    """
    with encoded_as(session, known.locale.encoding):
        copies = {
            f"{one.schema_name}.{one.table}": read_rows(
                session, _question(session, one.schema_name, one.table)
            ).digest()
            for one in counts.tables
        }
    update: dict[str, object] = {"copies": copies}
    if counts.large_objects:
        read = large_objects(session)
        update["large_objects"] = known.large_objects.model_copy(update={"digest": read.digest})
    return known.model_copy(update=update)


def _question(session: Session, schema: str, table: str) -> bytes:
    return sql.SQL(COPY).format(sql.Identifier(schema, table)).as_bytes(session)
