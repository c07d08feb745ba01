"""Decide what a restored copy is held against, and what cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chalicelib.domain.backup import BackupType, SourceCounts
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.facts import CopyDigest, DatabaseFacts, LargeObjects
from chalicelib.domain.measure import large_object_digest
from chalicelib.domain.proof import LARGE_OBJECT_RIGHTS, Contents, Unproven

OLD_MANIFEST = "the manifest does not say; it was made before proofs were"


def expected_of(
    kind: BackupType, counts: SourceCounts, digests: Mapping[str, CopyDigest], scratch_major: int
) -> Contents:
    """Return what the counts and facts of the source ask for; `digests` are the measure of rows."""
    facts = counts.facts
    definitions = None
    if facts is not None and facts.major == scratch_major:
        definitions = facts.definitions
    if kind is BackupType.SCHEMA:
        return Contents(definitions=definitions)
    return Contents(
        rows={f"{one.schema_name}.{one.table}": one.rows for one in counts.tables},
        digests=digests,
        sequences=None if facts is None else facts.sequences,
        large_objects=None if facts is None else facts.large_objects,
        definitions=definitions,
        ignored=frozenset(counts.uncounted),
    )


def with_large_objects(
    expected: Contents, blocks: Sequence[BlockDigest], stored: LargeObjects
) -> Contents:
    """Add the digest of the large objects: the source's, the archive's, else that of the text."""
    if expected.large_objects is None:
        return expected
    digest = expected.large_objects.digest or large_object_digest(blocks) or stored.digest
    known = expected.large_objects.model_copy(update={"digest": digest})
    return replace(expected, large_objects=known)


def gaps_of(kind: BackupType, counts: SourceCounts, scratch_major: int) -> tuple[Unproven, ...]:
    """List what the source's side leaves open."""
    gaps = [
        Unproven(what=f"rows of table {name}", reason=reason)
        for name, reason in counts.uncounted.items()
    ]
    facts = counts.facts
    if facts is None:
        gaps.append(Unproven(what="definitions, sequences and owners", reason=OLD_MANIFEST))
        return tuple(gaps)
    gaps += [Unproven(what=what, reason=reason) for what, reason in facts.unknown.items()]
    if facts.major != scratch_major:
        reason = f"the scratch server is PostgreSQL {scratch_major}, the source {facts.major}"
        gaps.append(Unproven(what="definitions of objects", reason=reason))
    if kind is not BackupType.SCHEMA:
        gaps += moving(facts)
        if facts.large_objects.count and facts.large_objects.rights is None:
            gaps.append(Unproven(what=LARGE_OBJECT_RIGHTS, reason=OLD_MANIFEST))
    return tuple(gaps)


def versions_apart(source: DatabaseFacts | None, copy: DatabaseFacts) -> tuple[Unproven, ...]:
    """List the extensions that the scratch server has in another version."""
    wanted = {} if source is None else source.extensions
    return tuple(
        Unproven(
            what=f"extension {name}",
            reason=f"the scratch server has version {copy.extensions[name]}, the source {version}",
        )
        for name, version in wanted.items()
        if copy.extensions.get(name, version) != version
    )


def moving(facts: DatabaseFacts) -> list[Unproven]:
    """List the sequences that moved while they were dumped."""
    return [
        Unproven(
            what=f"sequence {name}",
            reason=f"it moved from {fact.last_value} to {fact.until} during the dump",
        )
        for name, fact in facts.sequences.items()
        if fact.until is not None
    ]
