"""Restore a dump into a scratch database in one transaction, digesting its text on the way.

pg_restore writes the archive as SQL, which goes to psql; a plain dump goes there directly. Both
programs run under the account of the scratch server, which owns nothing else: an archive is code,
and code of a dump shall not run as the worker. One transaction, because rows that are copied into a
table of the same transaction keep the order they have in the dump.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from chalicelib.domain.backup import Compression, Format
from chalicelib.domain.errors import HoldfastError, Internal, ScratchTooSmall
from chalicelib.engine.codecs import decoded
from chalicelib.engine.crew import TICK_S
from chalicelib.engine.environment import LOCALE
from chalicelib.engine.faults import scrub
from chalicelib.engine.process import Child, Start
from chalicelib.engine.proof.copy_text import CopyText
from chalicelib.engine.proof.scratch_database import NAME
from chalicelib.engine.pump import await_exit, feed, killed, widen
from chalicelib.engine.scratch import PORT, ScratchServer
from chalicelib.engine.stderr_tail import StderrTail
from chalicelib.engine.verify import judge_reader

PUMP_BYTES: Final = 1 << 20
NO_SPACE: Final = re.compile(r"No space left on device|could not (?:extend|write) ")
LACKING: Final = re.compile(
    r"shared_preload_libraries|ICU is not supported|could not create locale"
    r"|collation .* does not exist|could not (?:access|load) (?:file|library)"
    r"|extension .* is not available|not supported by this build|out of (?:shared )?memory"
)
"""What PostgreSQL says when the server, not the dump, lacks something."""

LOST: Final = re.compile(r"server closed the connection|terminating connection|in recovery mode")
ERROR_LINE: Final = re.compile(r"ERROR: .*|.*server closed the connection.*")


@dataclass(frozen=True)
class Piece:
    """Name a stretch of the restore: the bytes of an artefact, and which part of it to take.

    That is a section or a list of entries; `is_whole` False says that it ends before the rows, so
    that not every byte is read.
    """

    chunks: Iterator[bytes]
    file_format: Format
    compression: Compression
    section: str | None = None
    use_list: Path | None = None
    is_whole: bool = True


class RestoreRefused(Exception):
    """Say that the scratch server did not take the dump; the sentence is psql's.

    `is_ours` tells a lack of the scratch server from a fault of the dump.
    """

    def __init__(self, sentence: str, *, is_ours: bool) -> None:
        """Keep the sentence."""
        super().__init__(sentence)
        self.sentence = sentence
        self.is_ours = is_ours


def restore(
    server: ScratchServer, pieces: Sequence[Piece], rights: Sequence[str], beat: Callable[[], None]
) -> CopyText:
    """Restore the pieces one after the other; return the text that went by.

    `rights` are further options of pg_restore. Raises RestoreRefused, IntegrityFailed when an
    archive cannot be read, ScratchTooSmall when the disk is full, and what `beat` raises.
    """
    with Child(_psql(server)) as psql:
        messages = StderrTail(psql.stderr)
        widen(psql.stdin)
        work = _Restore(server, tuple(rights), psql, CopyText(), beat)
        for piece in pieces:
            work.take(piece)
        psql.stdin.close()
        code = await_exit(psql, beat)
    _judge(code, messages.text())
    return work.text


@dataclass(frozen=True)
class _Restore:
    """Hold both ends of one restore, and who watches it."""

    server: ScratchServer
    rights: tuple[str, ...]
    psql: Child
    text: CopyText
    beat: Callable[[], None]

    def take(self, piece: Piece) -> None:
        if piece.file_format is Format.PLAIN:
            self._pass_on(piece)
        else:
            self._unfold(piece)

    def _pass_on(self, piece: Piece) -> None:
        os.set_blocking(self.psql.stdin.fileno(), False)
        for chunk in decoded(piece.compression, piece.chunks):
            self.text.feed(chunk)
            if not feed(self.psql.stdin, chunk, self.beat):
                return

    def _unfold(self, piece: Piece) -> None:
        with Child(_pg_restore(self.server, piece, self.rights)) as reader:
            messages = StderrTail(reader.stderr)
            flow = _Flow(reader.stdout, self.psql.stdin, self.text)
            widen(reader.stdin)
            os.set_blocking(reader.stdin.fileno(), False)
            was_taken = all(feed(reader.stdin, chunk, self.beat) for chunk in piece.chunks)
            reader.stdin.close()
            flow.finish(self.beat)
            code = await_exit(reader, self.beat)
        if flow.was_refused:
            return
        judge_reader(code, messages, was_taken=was_taken or not piece.is_whole)


def _psql(server: ScratchServer) -> Start:
    environment = {
        **LOCALE,
        "HOME": "/nonexistent",
        "PGHOST": str(server.socket_dir),
        "PGPORT": str(PORT),
        "PGUSER": server.connection().endpoint.user,
        "PGDATABASE": NAME,
        "PGPASSFILE": str(server.password_file),
        "PGSSLMODE": "disable",
        "PGSERVICEFILE": "/dev/null",
        "PGAPPNAME": "holdfast proof",
    }
    argv: list[str | Path] = [
        server.reachable_bin_dir / "psql",
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--single-transaction",
        "--set=ON_ERROR_STOP=1",
        "--output=/dev/null",
        "--file=-",
    ]
    return Start(
        argv,
        environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        account=server.account,
    )


def _pg_restore(server: ScratchServer, piece: Piece, rights: Sequence[str]) -> Start:
    wanted = [] if piece.section is None else [f"--section={piece.section}"]
    if piece.use_list is not None:
        wanted.append(f"--use-list={piece.use_list}")
    argv: list[str | Path] = [
        server.reachable_bin_dir / "pg_restore",
        "--file=-",
        "--no-tablespaces",
        "--no-security-labels",
        *wanted,
        *rights,
    ]
    return Start(
        argv,
        {**LOCALE, "HOME": "/nonexistent"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        account=server.account,
    )


class _Flow:
    """Carry text from pg_restore to psql in a thread, digesting it."""

    def __init__(self, source: IO[bytes], target: IO[bytes], text: CopyText) -> None:
        widen(source)
        os.set_blocking(target.fileno(), True)
        self._source = os.dup(source.fileno())
        source.close()  # so that the reader hears of it when this end gives up
        self._target = os.dup(target.fileno())
        self._text = text
        self._error: HoldfastError | None = None
        self.was_refused = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="restore")
        self._thread.start()

    def finish(self, beat: Callable[[], None]) -> None:
        """Wait for the last byte; raise what went wrong with the text."""
        while self._thread.is_alive():
            self._thread.join(TICK_S)
            beat()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while data := os.read(self._source, PUMP_BYTES):
                self._text.feed(data)
                _write_all(self._target, data)
        except BrokenPipeError:
            self.was_refused = True
        except HoldfastError as error:
            self._error = error
        finally:
            os.close(self._source)
            os.close(self._target)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _judge(code: int, said: str) -> None:
    if code == 0:
        return
    if code < 0:
        raise killed("psql", code)
    found = ERROR_LINE.search(said)
    sentence = scrub(found[0] if found else said)
    if NO_SPACE.search(said):
        raise ScratchTooSmall(f"the scratch disk is full: {sentence}")
    if LOST.search(said):
        raise Internal(f"the scratch server ended during the restore: {sentence}")
    raise RestoreRefused(sentence, is_ours=LACKING.search(said) is not None)
