"""Promises of which texts beside a backup people may read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.domain.backup import Artefact, Backup, Checksum
from chalicelib.domain.stored_text import texts_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def backup_with(*names: str) -> Backup:
    kept = tuple(
        Artefact(name=name, key=name, stored_bytes=1, checksum=Checksum(value="0" * 64))
        for name in names
    )
    return Backup(
        id="1", project_id="2", name="x", requested_by="y", created_at=NOW, artefacts=kept
    )


@pytest.mark.parametrize(
    "name", ["proof.txt", "proof.json", "proof-3.txt", "proof-01JD0000000000000000000000.txt"]
)
def test_the_report_of_a_proof_is_one_whatever_run_made_it(name: str) -> None:
    assert texts_of(backup_with("database.dump", name)) == ("RECOVERY.md", name, "manifest.json")


@pytest.mark.parametrize("name", ["proof-.txt", "proof-3.dump", "a-proof.txt", "proof-a/b.txt"])
def test_nothing_else_is_a_text(name: str) -> None:
    assert texts_of(backup_with(name)) == ("RECOVERY.md", "manifest.json")
