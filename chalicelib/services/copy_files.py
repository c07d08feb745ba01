"""Bring the files of a project's storage into the attempt, and say what became of each.

A file of an earlier backup with the same bucket, name and version is copied inside the store. All
others pass through here: small ones in one piece, large ones as they come, two of these at once, so
that memory is the same for any number and any size.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import (
    Cancelled,
    Conflict,
    DumpFailed,
    HoldfastError,
    NotFound,
    StorageFailed,
)
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.storage_file import FOLDER, StorageFile, StorageObject
from chalicelib.platform_ports import FileSource
from chalicelib.ports import ObjectStore
from chalicelib.services.artefact_upload import CONTENT_TYPE, ArtefactUpload
from chalicelib.services.side_by_side import Crew, side_by_side

SMALL_BYTES: Final = 4 << 20
LARGE_AT_ONCE: Final = 2
TRIES: Final = 5
PAUSE_S: Final = 0.5


@dataclass(frozen=True)
class Wanted:
    """Say which file is to come, under which running number; `before` is it in an earlier backup.

    The `key` of that one is the whole key in the store.
    """

    number: int
    row: StorageObject
    before: StorageFile | None = None


class _Away(Exception):
    """The source no longer has the file of the row; the words say why."""


@dataclass(frozen=True)
class FileCopier:
    """Copy the files of one attempt. `fails_when_gone`: a file that is gone fails the backup."""

    store: ObjectStore
    source: FileSource
    backup: Backup
    fails_when_gone: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    _large: threading.Semaphore = field(
        default_factory=lambda: threading.Semaphore(LARGE_AT_ONCE), init=False
    )

    def copied(
        self, wanted: Iterator[Wanted], beat: Callable[[], None]
    ) -> Generator[StorageFile, None, None]:
        """Yield what became of each file, in the order they are asked for."""
        yield from side_by_side(self._copy, wanted, Crew(beat, self.stop))

    def _copy(self, wanted: Wanted) -> StorageFile:
        if wanted.before is not None and wanted.before.key is not None:
            try:
                self.store.copy(wanted.before.key, self._key(wanted))
            except (NotFound, StorageFailed):
                pass  # deleted meanwhile, or archived: the source has the file as well
            else:
                update = {"key": _name(wanted), "reused": True}
                return wanted.before.model_copy(update=update)
        try:
            return self._fetched(wanted)
        except _Away as away:
            if self.fails_when_gone:
                raise DumpFailed(
                    f"the file {wanted.row.name!r} of bucket {wanted.row.bucket!r}: {away}",
                    hint="Back up again, or let files that are gone be recorded only.",
                ) from away
            return _described(wanted.row, missing=str(away))

    def _fetched(self, wanted: Wanted) -> StorageFile:
        size_bytes = wanted.row.size_bytes
        if size_bytes is not None and size_bytes <= SMALL_BYTES:
            return self._fetched_whole(wanted)
        with self._large:
            return self._fetched_in_parts(wanted)

    def _fetched_whole(self, wanted: Wanted) -> StorageFile:
        content = b"".join(self._chunks(wanted.row))
        self.store.put(self._key(wanted), content, content_type=CONTENT_TYPE)
        return _kept(wanted, len(content), hashlib.sha256(content).hexdigest())

    def _fetched_in_parts(self, wanted: Wanted) -> StorageFile:
        upload = ArtefactUpload(self.store, self._key(wanted), _name(wanted))
        with _given_up(upload):
            for chunk in self._chunks(wanted.row):
                upload.write(chunk)
            made = upload.finish()
        return _kept(wanted, made.stored_bytes, made.checksum.value)

    def _chunks(self, row: StorageObject) -> Iterator[bytes]:
        """Yield the file, going on where the way to it broke off; _Away if it is not the row's."""
        offset, tries = 0, 0
        while True:
            try:
                for chunk in self.source.read(row, offset):
                    offset += len(chunk)
                    self._require_going()
                    # longer than its row, so it was replaced: nothing of the rest is of use
                    if row.size_bytes is not None and offset > row.size_bytes:
                        break
                    yield chunk
                break
            except (NotFound, Conflict) as error:
                raise _Away(error.message) from error
            except HoldfastError as error:
                tries += 1
                if not error.retryable or tries >= TRIES:
                    raise
                # no plain sleep: whoever stops the crew does not wait for pauses
                self.stop.wait(PAUSE_S * tries)
                self._require_going()
        if row.size_bytes is not None and offset != row.size_bytes:
            raise _Away("its length is not the one of its row")

    def _require_going(self) -> None:
        if self.stop.is_set():
            raise Cancelled("the copying of files was stopped")

    def _key(self, wanted: Wanted) -> str:
        return artefact_key(self.backup, _name(wanted))


@contextmanager
def _given_up(upload: ArtefactUpload) -> Iterator[None]:
    """Drop an upload that something goes wrong with."""
    try:
        yield
    except BaseException:
        upload.abort()
        raise
    finally:
        upload.close()


def _name(wanted: Wanted) -> str:
    return f"{FOLDER}{wanted.number}"


def _kept(wanted: Wanted, size_bytes: int, sha256: str) -> StorageFile:
    return _described(wanted.row, size_bytes=size_bytes, sha256=sha256, key=_name(wanted))


def _described(row: StorageObject, **found: object) -> StorageFile:
    told = {
        "bucket": row.bucket,
        "name": row.name,
        "version": row.version,
        "content_type": row.content_type,
        "cache_control": row.cache_control,
    }
    return StorageFile.model_validate({**told, **found})
