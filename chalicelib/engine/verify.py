"""Read a dump from its first byte to its last, the way a restore would."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Final

from chalicelib.domain.backup import Compression
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.errors import IntegrityFailed, Unsupported
from chalicelib.engine.archive.digests import digest_archive
from chalicelib.engine.clients import Client
from chalicelib.engine.codecs import decoded
from chalicelib.engine.environment import LOCALE
from chalicelib.engine.faults import scrub
from chalicelib.engine.process import Child, Start
from chalicelib.engine.pump import await_exit, feed, killed, widen
from chalicelib.engine.stderr_tail import StderrTail
from chalicelib.postgres_ports import ArchiveReport

ARCHIVE_MAGIC: Final = b"PGDMP"
PLAIN_HEAD: Final = b"--\n-- PostgreSQL database dump\n--\n"
PLAIN_END: Final = re.compile(
    rb"\n--\n-- PostgreSQL database dump complete\n--\n\n(?:\\unrestrict \w+\n\n)?\Z"
)
A_SCRIPT: Final = "a plain dump has no blocks; a proof digests its rows"
UNREAD: Final = "pg_restore took only a part of the archive"
TAIL_BYTES: Final = 4096
SWALLOW_BYTES: Final = 1 << 20


def check_custom(
    client: Client, chunks: Iterator[bytes], beat: Callable[[], None]
) -> ArchiveReport:
    """Read an archive through pg_restore; IntegrityFailed unless it takes all of it silently."""
    archive = _with_head(chunks, ARCHIVE_MAGIC)
    with Child(_reader(client)) as child:
        messages = StderrTail(child.stderr)
        swallower = _Swallower(child.stdout)
        fed = _Fed(child, archive, beat)
        blocks, undigested = _digests(fed)
        fed.finish()
        code = await_exit(child, beat)
    judge_reader(code, messages, was_taken=fed.was_taken)
    read_by = f"pg_restore {client.version}"
    return ArchiveReport(swallower.total(), read_by, blocks, undigested)


def check_plain(
    compression: Compression, chunks: Iterator[bytes], beat: Callable[[], None]
) -> ArchiveReport:
    """Decompress a script; IntegrityFailed unless it has pg_dump's head and its end mark."""
    raw_bytes = 0
    tail = b""
    for piece in _with_head(decoded(compression, chunks), PLAIN_HEAD):
        beat()
        raw_bytes += len(piece)
        tail = (tail + piece[-TAIL_BYTES:])[-TAIL_BYTES:]
    if PLAIN_END.search(tail) is None:
        raise IntegrityFailed("the script ends before pg_dump's end mark")
    return ArchiveReport(raw_bytes, f"script reader ({compression})", undigested=A_SCRIPT)


def _with_head(chunks: Iterator[bytes], head: bytes) -> Iterator[bytes]:
    """Pass the chunks on once they begin as they must."""
    start = b""
    while len(start) < len(head):
        chunk = next(chunks, None)
        if chunk is None:
            break
        start += chunk
    if not start.startswith(head):
        raise IntegrityFailed("the file does not begin as a dump of pg_dump does")
    yield start
    yield from chunks


def _reader(client: Client) -> Start:
    return Start(
        [client.pg_restore, "--file=-"],
        {**LOCALE, "HOME": "/nonexistent"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _digests(fed: _Fed) -> tuple[tuple[BlockDigest, ...], str | None]:
    try:
        return digest_archive(iter(fed)).blocks, None
    except Unsupported as error:
        # a codec or a version that pg_restore may know: it is the judge, and there are no digests
        return (), error.message
    except _ReaderGone:
        return (), UNREAD


class _ReaderGone(Exception):
    """The child takes no more; its exit code and its messages say why."""


class _Fed:
    """Hand every chunk to a child before passing it on."""

    def __init__(self, child: Child, chunks: Iterator[bytes], beat: Callable[[], None]) -> None:
        self._child = child
        self._chunks = chunks
        self._beat = beat
        self.was_taken = True
        widen(child.stdin)
        os.set_blocking(child.stdin.fileno(), False)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.was_taken = feed(self._child.stdin, chunk, self._beat)
            if not self.was_taken:
                raise _ReaderGone
            yield chunk

    def finish(self) -> None:
        """Hand over what is left, and the end."""
        with suppress(_ReaderGone):
            for _ in iter(self) if self.was_taken else ():
                pass
        self._child.stdin.close()


def judge_reader(code: int, messages: StderrTail, *, was_taken: bool) -> None:
    """Raise IntegrityFailed unless pg_restore took every byte and said nothing.

    Internal when a signal ended it. `was_taken` says that it read until there were no more.
    """
    if code < 0:
        raise killed("pg_restore", code)
    if code != 0 or messages.has_trouble:
        raise IntegrityFailed(f"pg_restore cannot read the archive: {scrub(messages.text())}")
    if not was_taken:
        raise IntegrityFailed("there are bytes after the end of the archive")


class _Swallower:
    """Count the bytes of a pipe in a thread, moving them to nowhere inside the kernel."""

    def __init__(self, pipe: IO[bytes]) -> None:
        widen(pipe)
        self._descriptor = os.dup(pipe.fileno())
        self._total = 0
        self._thread = threading.Thread(target=self._swallow, daemon=True, name="stdout")
        self._thread.start()

    def total(self) -> int:
        self._thread.join()
        return self._total

    def _swallow(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            while size := self._move(nowhere):
                self._total += size
        finally:
            os.close(nowhere)
            os.close(self._descriptor)

    def _move(self, nowhere: int) -> int:
        if hasattr(os, "splice"):  # Linux
            return os.splice(self._descriptor, nowhere, SWALLOW_BYTES)
        return len(os.read(self._descriptor, SWALLOW_BYTES))
