"""Flip single bits of a real backup, and tell what each reader of it makes of that.

Two questions for each flip: does the verification of the service refuse it (it must), and how does
our own reader alone end (refusing or not, but with an error of ours, and in time)?
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Final

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Artefact, Backup, BackupOptions, Status
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import DeadlineExceeded, HoldfastError, IntegrityFailed
from chalicelib.domain.manifest import parse_envelope
from chalicelib.domain.object_keys import MANIFEST, artefact_key
from chalicelib.domain.progress import Progress
from chalicelib.engine.archive.digests import ArchiveDigests, digest_archive
from chalicelib.services.backups import NewBackup
from chalicelib.services.projects import NewProject
from chalicelib.services.seal import Seal
from chalicelib.services.verify_archive import ArchiveVerifier
from tests.support.archives import pieces
from tests.support.dumping import execute

DEADLINE_S: Final = 20.0
CHUNK_BYTES: Final = 1 << 16
HEADER_BYTES: Final = 60
"""Magic, versions, codec, time, and the name of the database, at least."""

HEADER, ENTRIES, DATA, SEALED = "header", "table of contents", "data", "manifest"
PARTS: Final = (HEADER, ENTRIES, DATA, SEALED)

ROWS: Final = (
    "CREATE TABLE people (id int PRIMARY KEY, name text, born date)",
    "INSERT INTO people SELECT n, md5(n::text), 'epoch'::date + n FROM generate_series(1, 900) n",
    "CREATE TABLE notes (id int REFERENCES people, note text)",
    "INSERT INTO notes SELECT n, repeat('note ' || n, n % 9) FROM generate_series(1, 500) n",
    "CREATE VIEW named AS SELECT name FROM people",
    "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1'",
    "SELECT lo_from_bytea(0, decode(repeat('ab12', 2000), 'hex')), lo_from_bytea(0, '')",
)


@dataclass(frozen=True)
class Flip:
    """Name one bit: a byte counted from the start of the file, and a bit from 0 to 7."""

    place: int
    bit: int

    def of(self, data: bytes) -> bytes:
        changed = bytearray(data)
        changed[self.place] ^= 1 << self.bit
        return bytes(changed)


class Deadline:
    """Watch that stops whatever takes too long."""

    def __init__(self) -> None:
        self._end = time.monotonic() + DEADLINE_S

    def check(self, progress: Progress | None = None) -> None:
        if time.monotonic() > self._end:
            raise DeadlineExceeded("the check of a flipped archive hangs")


@dataclass(frozen=True)
class FlipStand:
    """Hold one completed backup in a directory store, to be damaged and mended again."""

    services: Services
    backup: Backup

    @cached_property
    def dump(self) -> Artefact:
        return self.backup.artefacts[0]

    @cached_property
    def data(self) -> bytes:
        return self._file(self.dump.key).read_bytes()

    @cached_property
    def sealed(self) -> bytes:
        return self._file(artefact_key(self.backup, MANIFEST)).read_bytes()

    @cached_property
    def whole(self) -> ArchiveDigests:
        return digest_archive(pieces(self.data, CHUNK_BYTES))

    def draw(self, part: str, random: Random) -> Flip:
        """Choose a bit of one part."""
        entries_end = self.whole.toc.size_bytes
        start, end = {
            HEADER: (0, HEADER_BYTES),
            ENTRIES: (HEADER_BYTES, entries_end),
            DATA: (entries_end, len(self.data)),
            SEALED: (0, len(self.sealed)),
        }[part]
        return Flip(random.randrange(start, end), random.randrange(8))

    def verified(self, part: str, flip: Flip) -> str:
        """Return how the service's verification of the damaged backup ends: a code, or passed."""
        key = artefact_key(self.backup, MANIFEST) if part == SEALED else self.dump.key
        path = self._file(key)
        whole = path.read_bytes()
        path.write_bytes(flip.of(whole))
        try:
            return self.ending()
        finally:
            path.write_bytes(whole)

    def ending(self) -> str:
        """Return how the verification of what lies there now ends."""
        return _ending(self._verify)

    def read(self, part: str, flip: Flip) -> str:
        """Return how the reader of this part alone ends: refused, other (content), or unnoticed.

        What is not an error of ours, and a hang, come back as what they are.
        """
        if part == SEALED:
            return _within_deadline(lambda: self._unseal(flip.of(self.sealed)))
        return _within_deadline(lambda: self._digest(flip.of(self.data)))

    def _verify(self) -> None:
        adapters = self.services.adapters
        manifest = Seal(adapters.store, adapters.signer).manifest(self.backup)
        layout = (manifest.format, manifest.compression)
        verifier = ArchiveVerifier(adapters.store, adapters.engine())
        verifier.verify(manifest.main, layout, Deadline())

    def _digest(self, data: bytes) -> str:
        found = digest_archive(pieces(data, CHUNK_BYTES))
        whole = self.whole
        is_same = (found.toc.header, found.toc.entries) == (whole.toc.header, whole.toc.entries)
        return "unnoticed" if is_same and found.blocks == whole.blocks else "other"

    def _unseal(self, data: bytes) -> str:
        # without the record, which knows the SHA-256 of the whole file
        envelope = parse_envelope(data)
        self.services.adapters.signer.verify(envelope.payload.encode(), envelope.signature)
        return "unnoticed" if envelope.manifest == parse_envelope(self.sealed).manifest else "other"

    def _file(self, key: str) -> Path:
        return self.services.settings.data / "objects" / "objects" / key


def made(services: Services, source: Connection, compression: str) -> FlipStand:
    """Fill the source and take a backup of it, as a worker does."""
    execute(source, *ROWS)
    project = services.projects.create("flips", NewProject("flips", source, {}))
    options = BackupOptions.model_validate({"compression": compression})
    asked = services.backups.request("flips", NewBackup(project.id, options))
    backup = services.backup_runner("flips").run(asked.id)
    assert backup.status is Status.COMPLETED, backup.error
    return FlipStand(services, backup)


def _ending(work: Callable[[], object]) -> str:
    try:
        work()
    except HoldfastError as error:
        return error.code
    return "passed"


def _within_deadline(work: Callable[[], str]) -> str:
    ends: list[str] = []

    def run() -> None:
        try:
            ends.append(work())
        except IntegrityFailed:
            ends.append("refused")
        except HoldfastError as error:
            ends.append(f"refused: {error.code}")
        except Exception as error:  # noqa: BLE001 - any other error is what is looked for
            ends.append(f"crashed: {error!r}")

    # a daemon: a reader that hangs must not keep the program from ending
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    return ends[0] if ends else "hung"
