"""Bring stored artefacts to where a client can read them: into scratch, else as a stream.

Either way every byte is compared with the manifest before the target is touched. What is streamed
is read twice for that, and compared again on its way into the client, which is killed before the
end of its input when the bytes are others than the first time.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import Final

from chalicelib.domain.backup import Artefact
from chalicelib.domain.errors import IntegrityFailed, ScratchTooSmall
from chalicelib.domain.exhaustion import scratch_failure
from chalicelib.domain.progress import Progress
from chalicelib.ports import Clock, ObjectStore
from chalicelib.postgres_ports import RestoreFile, Watch

RANGE_BYTES: Final = 64 << 20
"""One request each, so that a connection that breaks costs no more than this."""

MARGIN_BYTES: Final = 64 << 20
"""What scratch keeps free for the password file, the list, and whoever else works there."""


@dataclass(frozen=True)
class Fetching:
    """Join what fetching needs; `free_bytes` tells how much a folder still takes."""

    store: ObjectStore
    clock: Clock
    folder: Path
    free_bytes: Callable[[Path], int]

    @contextmanager
    def fetched(
        self, artefacts: tuple[Artefact, ...], watch: Watch, *, may_stream: bool
    ) -> Iterator[tuple[RestoreFile, ...]]:
        """Give the artefacts for as long as the block runs; IntegrityFailed when one differs."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise scratch_failure("scratch takes no folder", error) from error
        try:
            yield self._files(artefacts, watch, may_stream=may_stream)
        finally:
            shutil.rmtree(self.folder)

    def _files(
        self, artefacts: tuple[Artefact, ...], watch: Watch, *, may_stream: bool
    ) -> tuple[RestoreFile, ...]:
        needed = sum(artefact.stored_bytes for artefact in artefacts)
        free = self.free_bytes(self.folder)
        if needed + MARGIN_BYTES <= free:
            return tuple(self._download(artefact, watch) for artefact in artefacts)
        if not may_stream:
            raise ScratchTooSmall(
                f"the backup has {needed} bytes and scratch has room for {free}",
                hint="Restore with one job, which needs no scratch, or give the worker more.",
            )
        return tuple(self._stream(artefact, watch) for artefact in artefacts)

    def _download(self, artefact: Artefact, watch: Watch) -> RestoreFile:
        path = self.folder / artefact.name
        try:
            with path.open("xb") as file:
                for chunk in self._checked(artefact, watch):
                    file.write(chunk)
        except OSError as error:
            if error.errno == ENOSPC:
                raise ScratchTooSmall("the scratch space is full") from error
            raise scratch_failure("scratch takes no file", error) from error
        return RestoreFile(lambda: chunks_of(path), path)

    def _stream(self, artefact: Artefact, watch: Watch) -> RestoreFile:
        for _ in self._checked(artefact, watch):
            pass
        return RestoreFile(lambda: self._again(artefact))

    def _checked(self, artefact: Artefact, watch: Watch) -> Iterator[bytes]:
        done_bytes = 0
        for chunk in self._again(artefact):
            done_bytes += len(chunk)
            watch.check(
                Progress(
                    id=artefact.name,
                    phase="fetch",
                    raw_bytes_done=done_bytes,
                    raw_bytes_total=artefact.stored_bytes,
                    at=self.clock.now(),
                )
            )
            yield chunk

    def _again(self, artefact: Artefact) -> Iterator[bytes]:
        """Yield an artefact range by range; IntegrityFailed at its end when it is another."""
        sha256 = hashlib.sha256()
        for start in range(0, artefact.stored_bytes, RANGE_BYTES):
            end = min(start + RANGE_BYTES, artefact.stored_bytes)
            for chunk in self.store.read(artefact.key, start, end):
                sha256.update(chunk)
                yield chunk
        if sha256.hexdigest() != artefact.checksum.value:
            raise IntegrityFailed(
                f"{artefact.name} does not have the checksum of its manifest",
                hint="Do not use this backup; restore another one.",
            )


def chunks_of(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file."""
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def free_bytes_of(folder: Path) -> int:
    """Return how much a folder's disk still takes."""
    return shutil.disk_usage(folder).free
