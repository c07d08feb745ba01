"""The API over a real connection shows and deletes what a worker made; tests/api has the rest."""

from __future__ import annotations

import httpx

from chalicelib.domain.backup import Backup
from tests.support.stack import Stack


def test_a_completed_backup_is_shown_as_its_record_has_it(
    api: httpx.Client, completed: Backup
) -> None:
    shown = api.get(f"/v1/backups/{completed.id}").raise_for_status().json()

    assert completed.checksum is not None
    assert (shown["status"], shown["validated"]) == ("completed", True)
    assert shown["checksum"]["value"] == completed.checksum.value
    assert shown["progress"] is None


def test_a_deleted_backup_leaves_no_object(
    api: httpx.Client, stack: Stack, completed: Backup
) -> None:
    assert len(stack.leftovers()) == 3

    api.delete(f"/v1/backups/{completed.id}").raise_for_status()

    assert api.get(f"/v1/backups/{completed.id}").status_code == 404
    assert stack.leftovers() == []
