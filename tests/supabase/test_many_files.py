"""Thousands of files under one prefix, with names of every kind, go through backup and restore."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from chalicelib.domain.backup import Backup, Component, Status
from chalicelib.domain.restore import Restore, RestoreOptions
from chalicelib.engine.readings import LINES_AT_ONCE
from chalicelib.local.supabase.stand_in import StandInOptions, SupabaseStandIn
from chalicelib.services.restores import NewRestore
from tests.support.many_files import BUCKET, content_of, fill, hostile_names
from tests.support.supabase import running_stand_in
from tests.support.supabase_backups import Desk, add_project, desk_of

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

FILES = LINES_AT_ONCE + 200
"""More than a page of the listing has."""
SIZE_BYTES = 40
TIMES = "SELECT name, owner_id, created_at, updated_at FROM storage.objects ORDER BY name"
COMPONENTS = (Component.DATABASE, Component.STORAGE)


@dataclass(frozen=True)
class Many:
    """Hold a project with many files, its backup, and the project that it was restored into."""

    source: SupabaseStandIn
    target: SupabaseStandIn
    desk: Desk
    backup: Backup
    restore: Restore


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    with ExitStack() as stack:
        source = stack.enter_context(running_stand_in())
        options = StandInOptions(ref="zyxwvutsrqponmlkjihg")
        target = stack.enter_context(running_stand_in(options=options))
        fill(source, hostile_names(FILES), SIZE_BYTES)
        desk = desk_of(tmp_path_factory.mktemp("data"), source)
        backup = desk.completed(components=list(COMPONENTS))
        into = add_project(desk, target)
        new = NewRestore(backup.id, into.project.id, RestoreOptions(components=COMPONENTS))
        asked = desk.services.restores.request("key:1", new)
        ended = desk.services.restore_runner("worker-1").run(asked.id)
        yield Many(source, target, desk, backup, ended)


def rows(stand_in: SupabaseStandIn, question: str) -> list[tuple[Any, ...]]:
    with stand_in.admin_session() as session:
        return session.execute(question.encode()).fetchall()


def test_the_backup_lists_each_file_once_in_order(many: Many) -> None:
    lines = many.desk.lines(many.backup, "storage-files.jsonl")

    names = [line["name"] for line in lines]
    assert sorted(names) == sorted(hostile_names(FILES))
    assert all(a.encode() < b.encode() for a, b in pairwise(names))


def test_every_file_is_stored_with_its_bytes(many: Many) -> None:
    lines = many.desk.lines(many.backup, "storage-files.jsonl")

    assert [line["sha256"] for line in lines] == [
        hashlib.sha256(content_of(line["name"], SIZE_BYTES)).hexdigest() for line in lines
    ]


def test_every_file_is_restored_under_its_name_with_its_bytes(many: Many) -> None:
    found = rows(many.target, "SELECT name, version FROM storage.objects")

    assert many.restore.status is Status.COMPLETED, many.restore.error
    assert {name for name, _ in found} == set(hostile_names(FILES))
    for name, version in found:
        stored = many.target.storage.path(BUCKET, name, version).read_bytes()
        assert stored == content_of(name, SIZE_BYTES)


def test_every_file_belongs_to_whom_it_belonged(many: Many) -> None:
    assert rows(many.target, TIMES) == rows(many.source, TIMES)


def test_unchanged_files_are_not_read_from_the_source_again(many: Many) -> None:
    before = many.source.storage.sent_files

    again = many.desk.completed(components=list(COMPONENTS))

    assert again.files is not None
    assert again.files.reused == FILES
    assert many.source.storage.sent_files == before
