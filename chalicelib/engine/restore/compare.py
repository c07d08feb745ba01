"""Compare a target with the dump that went into it, by the means that proofs have.

A restore may put rows in another order than the dump has them: only one that makes a table and
fills it in the same transaction cannot. So a table whose text differs is compared once more by a
sum that does not depend on the order, for which the archive is read a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import psycopg

from chalicelib.domain.backup import SourceCounts
from chalicelib.domain.facts import LargeObjects, SequenceFact
from chalicelib.domain.proof import LARGE_OBJECT_RIGHTS, Contents, Difference
from chalicelib.domain.proof import compare as differences_of
from chalicelib.domain.restore import MAX_NOTES, Comparison
from chalicelib.engine import catalogue
from chalicelib.engine.catalogue import Table
from chalicelib.engine.connection import Session
from chalicelib.engine.counts import count_tables
from chalicelib.engine.proof import copies, facts
from chalicelib.engine.proof.copies import BEGIN, encoded_as, money_tables, read_rows, write_as
from chalicelib.engine.proof.copy_text import RowDigest
from chalicelib.engine.proof.expectation import moving
from chalicelib.engine.restore.measure import Measure

OLD_MANIFEST: Final = "the manifest does not say how values were written; only rows were counted"
NO_TEXT: Final = "the dump has no COPY text of it; only rows were counted"
OTHER_MONEY: Final = "it depends on lc_monetary, which the target does not have; rows were counted"
UNLIKE: Final = (
    "it is locked, has other columns than the dump, or cannot be written as the source wrote it;"
    " rows were counted"
)
UNREADABLE_OBJECTS: Final = "the user may not read all of them"
BY_PROOFS: Final = "a restore compares rows and sequences; a proof compares definitions as well"

_UNREADABLE: Final = b"""
SELECT n.nspname || '.' || c.relname,
       CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE')
              OR NOT has_table_privilege(c.oid, 'SELECT') THEN 'the user may not read it'
            ELSE 'row security hides rows of it from the user' END
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND (NOT has_schema_privilege(n.oid, 'USAGE') OR NOT has_table_privilege(c.oid, 'SELECT')
        OR (c.relkind = 'r' AND row_security_active(c.oid)))
"""


@dataclass(frozen=True)
class Found:
    """Hold what a target has, and what could not be looked at, with the reason."""

    rows: Mapping[str, int]
    texts: Mapping[str, RowDigest]
    sequences: Mapping[str, SequenceFact] | None
    large_objects: LargeObjects | None
    not_compared: Mapping[str, str]


def look(session: Session, measure: Measure) -> Found:
    """Read from the target what the measure asks for, in one snapshot."""
    known = measure.counts.facts
    not_compared = dict(measure.left_out)
    unwritable = write_as(session, known.text_settings) if known else {}
    not_compared.update({one.what: one.reason for one in unwritable.values()})
    session.execute(BEGIN)
    try:
        unreadable: dict[str, str] = dict(session.execute(_UNREADABLE).fetchall())
        left_out = {**unreadable, **not_compared}
        wanted = {f"{one.schema_name}.{one.table}" for one in measure.tables}
        present = [t for t in catalogue.tables(session) if t.label in wanted]
        asked = {*(t.label for t in present), *_expected_sequences(measure)}
        not_compared.update({name: why for name, why in unreadable.items() if name in asked})
        readable = [table for table in present if table.label not in left_out]
        hidden = money_tables(session) if "lc_monetary" in unwritable else set[str]()
        foreign = set(unwritable) - {"lc_monetary"}
        as_written = [] if foreign else [t for t in readable if t.label not in hidden]
        texts = _texts(session, measure, as_written)
        not_compared.update(_only_counted(measure, readable, hidden, texts))
        counted = count_tables(session, tuple(t for t in readable if t.label not in texts))
        not_compared.update(counted.uncounted)
        return Found(
            rows={**_rows(counted), **{name: one.rows for name, one in texts.items()}},
            texts=texts,
            sequences=_sequences(session, measure, unreadable),
            large_objects=_large_objects(session, measure, not_compared),
            not_compared=not_compared,
        )
    finally:
        session.execute(b"ROLLBACK")


def reordered(measure: Measure, found: Found) -> frozenset[str]:
    """Name the tables that have as many rows as the dump and another text, or one nobody knows."""
    expected = _expected_rows(measure)
    return frozenset(
        name
        for name, one in found.texts.items()
        if one.rows == expected.get(name) and one.digest() != measure.texts[name].digest
    )


def comparison(measure: Measure, found: Found, sums: Mapping[str, int]) -> Comparison:
    """Say how the target compares; `sums` are the dump's, of the tables that are reordered."""
    moved = reordered(measure, found)
    same = {name for name in moved if found.texts[name].row_sum.total == sums.get(name)}
    expected, target = _contents(measure, found)
    differences = [
        *differences_of(expected, target),
        *(_other_rows(name) for name in sorted(moved - same)),
    ]
    compared = {name: n for name, n in (expected.rows or {}).items() if name not in target.ignored}
    in_order = {
        name for name, one in found.texts.items() if one.digest() == measure.texts[name].digest
    }
    return Comparison(
        tables=len(compared),
        rows=sum(compared.values()),
        in_order=len(in_order),
        in_any_order=len(same),
        sequences=len(expected.sequences or {}),
        large_objects=found.large_objects.count if found.large_objects else None,
        differences=tuple(differences[:MAX_NOTES]),
        differences_total=len(differences),
        not_compared=_some(_gaps(measure, found)),
    )


def _only_counted(
    measure: Measure, tables: list[Table], hidden: set[str], texts: Mapping[str, RowDigest]
) -> dict[str, str]:
    """Return the tables whose contents could not be read as the dump has them, with the reason."""
    if measure.counts.facts is None:
        return {"contents of tables": OLD_MANIFEST}
    names = [table.label for table in tables if table.label not in texts]
    reasons = dict.fromkeys(names, UNLIKE)
    reasons |= {name: NO_TEXT for name in names if name not in measure.texts}
    reasons |= {name: OTHER_MONEY for name in names if name in hidden}
    return {f"contents of {name}": reason for name, reason in reasons.items()}


def _texts(session: Session, measure: Measure, tables: list[Table]) -> dict[str, RowDigest]:
    known = measure.counts.facts
    if known is None:
        return {}
    with encoded_as(session, known.locale.encoding):
        found = {
            table.label: _text(session, measure.texts[table.label].question)
            for table in tables
            if table.label in measure.texts
        }
    return {name: one for name, one in found.items() if one is not None}


def _text(session: Session, question: bytes) -> RowDigest | None:
    try:
        with session.transaction():
            return read_rows(session, question)
    except (
        psycopg.errors.LockNotAvailable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.UntranslatableCharacter,
    ):
        return None


def _rows(counted: SourceCounts) -> dict[str, int]:
    return {f"{one.schema_name}.{one.table}": one.rows for one in counted.tables}


def _expected_rows(measure: Measure) -> dict[str, int]:
    return {f"{one.schema_name}.{one.table}": one.rows for one in measure.tables}


def _sequences(
    session: Session, measure: Measure, unreadable: Mapping[str, str]
) -> dict[str, SequenceFact] | None:
    expected = _expected_sequences(measure)
    if not expected:
        return None
    names = [
        (schema, name)
        for schema, name in facts.sequence_names(session)
        if f"{schema}.{name}" in expected and f"{schema}.{name}" not in unreadable
    ]
    return facts.positions(session, names)


def _expected_sequences(measure: Measure) -> dict[str, SequenceFact]:
    known = measure.counts.facts
    if known is None:
        return {}
    wanted = measure.sequences
    return {name: o for name, o in known.sequences.items() if wanted is None or name in wanted}


def _large_objects(
    session: Session, measure: Measure, not_compared: dict[str, str]
) -> LargeObjects | None:
    if not measure.is_whole or measure.counts.large_objects is None:
        return None
    try:
        with session.transaction():
            return copies.large_objects(session)
    except psycopg.errors.InsufficientPrivilege:
        not_compared["contents of large objects"] = UNREADABLE_OBJECTS
        return LargeObjects(count=catalogue.large_objects(session))


def _contents(measure: Measure, found: Found) -> tuple[Contents, Contents]:
    """Return what was expected and what is there, without what cannot be compared."""
    ignored = frozenset(found.not_compared)
    objects = None
    if found.large_objects is not None:
        known = measure.counts.facts
        objects = known.large_objects if known else LargeObjects(count=0)
        objects = objects.model_copy(
            update={
                "count": measure.counts.large_objects or 0,
                "digest": measure.large_object_digest,
            }
        )
    sequences = {n: o for n, o in _expected_sequences(measure).items() if n not in ignored}
    expected = Contents(
        rows=_expected_rows(measure),
        sequences=sequences if found.sequences is not None else None,
        large_objects=objects,
    )
    target = Contents(
        rows=found.rows,
        sequences=found.sequences,
        large_objects=found.large_objects,
        ignored=ignored,
    )
    return expected, target


def _other_rows(name: str) -> Difference:
    return Difference(
        what=f"contents of table {name}",
        expected="the rows of the dump",
        found="as many rows with other values",
    )


def _gaps(measure: Measure, found: Found) -> dict[str, str]:
    gaps = {**found.not_compared}
    known = measure.counts.facts
    if measure.is_whole:
        gaps |= measure.counts.uncounted
        gaps |= {"definitions": BY_PROOFS}
        gaps |= {LARGE_OBJECT_RIGHTS: BY_PROOFS} if measure.counts.large_objects else {}
        gaps |= known.unknown if known else {}
    expected = _expected_sequences(measure)
    gaps |= {one.what: one.reason for one in moving(known)} if known and expected else {}
    return gaps


def _some(gaps: dict[str, str]) -> dict[str, str]:
    more = len(gaps) - MAX_NOTES
    told = dict(list(gaps.items())[:MAX_NOTES])
    return told | {"others": f"{more} more, which do not fit here"} if more > 0 else told
