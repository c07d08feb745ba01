"""Take what lies beside a project's database: its functions, its configuration, its files.

All of it goes under the attempt's prefix, after the dump whose snapshot says which files there are,
and before anything is recorded: a crash leaves what any other crash of a dump leaves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Final

from chalicelib.domain.backup import Artefact, Backup, Component, FileTotals, Status
from chalicelib.domain.dump_scope import Reading
from chalicelib.domain.errors import (
    IntegrityFailed,
    Internal,
    InvalidRequest,
    NotFound,
    SourceError,
)
from chalicelib.domain.object_keys import artefact_key, attempt_prefix
from chalicelib.domain.progress import Progress
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.domain.role_statements import ROLES, roles_query
from chalicelib.domain.storage_file import (
    FILES,
    FOLDER,
    OBJECTS,
    StorageFile,
    paired,
    parse_file,
    parse_object,
)
from chalicelib.domain.supabase import WhenObjectGone
from chalicelib.platform_ports import Extent, Platform
from chalicelib.ports import ObjectStore
from chalicelib.services import attempt_objects
from chalicelib.services.copy_files import FileCopier, Wanted
from chalicelib.services.ledger import Ledger
from chalicelib.services.listings import Listings
from chalicelib.services.progress import RunWatch
from chalicelib.services.side_by_side import attended

FUNCTIONS: Final = "functions.jsonl"
CONFIG: Final = "config.jsonl"


@dataclass(frozen=True)
class Taken:
    """Say what was taken, and why what was not."""

    artefacts: tuple[Artefact, ...] = ()
    warnings: tuple[str, ...] = ()
    files: FileTotals | None = None


@dataclass(frozen=True)
class BesideDatabase:
    """Take it for one attempt after the other; without a `platform` there is nothing to take.

    `platform` gives the same one at every call, and is called for a project of a platform only.
    """

    ledger: Ledger
    store: ObjectStore
    platform: Callable[[], Platform] | None = None

    def extent(self, backup: Backup, project: Project) -> Extent:
        """Say what the dump takes of the database."""
        if project.supabase is not None:
            return self._platform.extent(project, backup.options)
        if Component.ROLES in backup.options.components:
            return Extent(readings=(Reading(ROLES, roles_query()),))
        return Extent()

    def take(
        self, backup: Backup, project: Project, dumped: tuple[Artefact, ...], watch: RunWatch
    ) -> Taken:
        """Take every component that is no part of the dump; `dumped` are the dump's artefacts.

        One that cannot be taken fails the backup, unless the project says that it may be left out.
        """
        if project.supabase is None:
            return Taken()
        attempt = _Attempt(self, self._platform, backup, project, watch)
        ways: dict[Component, Callable[[], Taken]] = {
            Component.FUNCTIONS: attempt.functions,
            Component.CONFIG: attempt.config,
            Component.STORAGE: partial(attempt.files, dumped),
        }
        taken = [
            self._or_without(component, attempt, way)
            for component, way in ways.items()
            if component in backup.options.components
        ]
        return Taken(
            artefacts=tuple(artefact for one in taken for artefact in one.artefacts),
            warnings=tuple(warning for one in taken for warning in one.warnings),
            files=next((one.files for one in taken if one.files is not None), None),
        )

    def _or_without(
        self, component: Component, attempt: _Attempt, way: Callable[[], Taken]
    ) -> Taken:
        try:
            return way()
        except (SourceError, InvalidRequest, NotFound) as error:
            allowed = attempt.project.supabase.optional if attempt.project.supabase else ()
            if component not in allowed:
                raise
            if component is Component.STORAGE:
                # files that were copied before it failed would stand in no listing
                attempt_objects.clear(self.store, attempt_prefix(attempt.backup) + FOLDER)
            return Taken(warnings=(f"component {component} was left out: {error.message}",))

    @property
    def _platform(self) -> Platform:
        if self.platform is None:
            raise Internal("this worker knows no hosting platform")
        return self.platform()


@dataclass(frozen=True)
class _Attempt:
    """Take the components of one attempt."""

    beside: BesideDatabase
    platform: Platform
    backup: Backup
    project: Project
    watch: RunWatch

    @property
    def listings(self) -> Listings:
        return Listings(self.beside.store)

    def functions(self) -> Taken:
        known = {str(json.loads(line)["slug"]): line for line in self._earlier_lines(FUNCTIONS)}
        lines = self.platform.functions(self.project, known)
        return self._kept(FUNCTIONS, attended(lines, self.watch.check))

    def config(self) -> Taken:
        return self._kept(CONFIG, attended(self.platform.config(self.project), self.watch.check))

    def files(self, dumped: tuple[Artefact, ...]) -> Taken:
        rows = _named(dumped, OBJECTS)
        counting = _Counting(self.watch, self.backup.id, self.listings.check(rows))
        settings = self.project.supabase
        is_strict = settings is not None and settings.when_object_gone is WhenObjectGone.FAIL
        with self.platform.files(self.project) as source:
            copier = FileCopier(self.beside.store, source, self.backup, is_strict)
            found = copier.copied(self._wanted(rows), counting.beat)
            with closing(found):
                kept = self.listings.keep(self.backup, FILES, map(counting.line, found))
        totals = counting.totals
        missing = (f"files gone or replaced before they could be copied: {totals.missing}",)
        return Taken((kept,), missing if totals.missing else (), totals)

    def _kept(self, name: str, lines: Iterator[str]) -> Taken:
        return Taken((self.listings.keep(self.backup, name, lines),))

    def _wanted(self, rows: Artefact) -> Iterator[Wanted]:
        objects = map(parse_object, self.listings.lines(rows))
        pairs = paired(objects, self._earlier_files())
        for number, (row, before) in enumerate(pairs, start=1):
            yield Wanted(number, row, before)

    def _earlier_files(self) -> Iterator[StorageFile]:
        """Yield the files of the newest completed backup that has some, with whole keys."""
        earlier = self._earlier(FILES)
        if earlier is None:
            return
        for line in self._earlier_lines(FILES):
            file = parse_file(line.encode())
            key = None if file.key is None else artefact_key(earlier, file.key)
            yield file.model_copy(update={"key": key})

    def _earlier_lines(self, name: str) -> Iterator[str]:
        """Yield the lines of an earlier listing, none if it is not what was kept."""
        earlier = self._earlier(name)
        if earlier is None:
            return
        listing = _named(earlier.artefacts, name)
        try:
            # first in full: what damage there may be must not be copied into this backup
            self.listings.check(listing)
        except IntegrityFailed:
            return
        for line in self.listings.lines(listing):
            yield line.decode()

    def _earlier(self, name: str) -> Backup | None:
        query = Query(
            Backup,
            index=("project_id", self.project.id),
            limit=1,
            keep=lambda found: _has(found, name),
        )
        found = self.beside.ledger.catalog.find(query).items
        return found[0] if found else None


class _Counting:
    """Count the files that are done, for progress and for the record."""

    def __init__(self, watch: RunWatch, backup_id: str, total: int) -> None:
        self._watch = watch
        self._backup_id = backup_id
        self._total = total
        self.totals = FileTotals()

    def line(self, file: StorageFile) -> str:
        """Count a file; return its line."""
        done = self.totals
        self.totals = FileTotals(
            files=done.files + (file.missing is None),
            size_bytes=done.size_bytes + (file.size_bytes or 0),
            reused=done.reused + bool(file.reused),
            missing=done.missing + (file.missing is not None),
        )
        return file.line

    def beat(self) -> None:
        """Ask whether the work may go on; tell how far it is."""
        done = self.totals
        progress = Progress(
            id=self._backup_id,
            phase="files",
            raw_bytes_done=done.size_bytes,
            stored_bytes=done.size_bytes,
            files_done=done.files + done.missing,
            files_total=self._total,
            at=self._watch.ledger.clock.now(),
        )
        self._watch.check(progress)


def _has(backup: Backup, name: str) -> bool:
    is_whole = backup.status is Status.COMPLETED and backup.validated and backup.chore is None
    return is_whole and any(artefact.name == name for artefact in backup.artefacts)


def _named(artefacts: tuple[Artefact, ...], name: str) -> Artefact:
    found = next((one for one in artefacts if one.name == name), None)
    if found is None:
        raise Internal(f"the dump made no {name}")
    return found
