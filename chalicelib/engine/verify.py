"""Read a dump from its first byte to its last, the way a restore would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from chalicelib.domain.backup import Compression
from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.errors import IntegrityFailed, Internal, Unsupported
from chalicelib.engine.archive.digests import digest_archive
from chalicelib.engine.clients import Client
from chalicelib.engine.codecs import decoded
from chalicelib.engine.crew import Crew, attend
from chalicelib.engine.environment import LOCALE
from chalicelib.engine.faults import scrub
from chalicelib.engine.process import Child, Start
from chalicelib.engine.pump import await_exit, feed, killed, widen
from chalicelib.engine.relay import Relay
from chalicelib.engine.stderr_tail import StderrTail
from chalicelib.postgres_ports import ArchiveReport

ARCHIVE_MAGIC: Final = b"PGDMP"
PLAIN_HEAD: Final = b"--\n-- PostgreSQL database dump\n--\n"
PLAIN_END: Final = re.compile(
    rb"\n--\n-- PostgreSQL database dump complete\n--\n\n(?:\\unrestrict \w+\n\n)?\Z"
)
A_SCRIPT: Final = "a plain dump has no blocks; a proof digests its rows"
TAIL_BYTES: Final = 4096
READ_BYTES: Final = 256 << 10
NEVER_BEGAN: Final = range(125, 128)
"""What stdbuf ends with when it, or the program it begins, cannot begin; pg_restore has 0 and 1."""


def check_custom(
    client: Client, chunks: Iterator[bytes], beat: Callable[[], None]
) -> ArchiveReport:
    """Read an archive through pg_restore; IntegrityFailed unless it takes all of it silently.

    One pass over the chunks serves pg_restore and our own reader, which takes the digests in a
    thread beside it: with two processors the slower of both is what it takes. That is pg_restore,
    so the digests give way to it and to whoever feeds it; level with them they held both up by a
    tenth.
    """
    archive = _with_head(chunks, ARCHIVE_MAGIC)
    with Crew(gives_way=True) as crew, closing(Relay()) as relay, Child(_reader(client)) as child:
        messages = StderrTail(child.stderr)
        digesting = _Digesting(relay, crew.start(partial(_digests, relay)), beat)
        offered_bytes, was_taken = _feed_both(child, archive, digesting)
        judge_reader(await_exit(child, beat), messages, was_taken=True)
        for chunk in archive:
            # pg_restore had enough and says that all is well: our own reader judges the rest
            digesting.take(chunk)
        found = digesting.finish()
    # bytes behind the last block are no matter of pg_restore's, where somebody knows its end
    is_judged_alone = found.undigested is not None
    if found.data_end > offered_bytes or (is_judged_alone and not was_taken):
        raise IntegrityFailed("pg_restore stopped before the end of the archive")
    read_by = f"pg_restore {client.version}"
    return ArchiveReport(found.raw_bytes, read_by, found.blocks, found.undigested)


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


def reader_arguments(client: Client) -> list[str | Path]:
    """Return the command that reads an archive from its stdin and writes nothing.

    pg_restore reads a pipe 4 KiB at a time, a tenth of all its time; where coreutils' stdbuf is at
    hand it reads more at once.
    """
    wider = shutil.which("stdbuf", path=os.defpath)
    # straight to nowhere: a pipe for what nobody reads would cost as much as decompressing it
    reader: list[str | Path] = [client.pg_restore, f"--file={os.devnull}"]
    return reader if wider is None else [wider, f"--input={READ_BYTES}", *reader]


def _reader(client: Client) -> Start:
    return Start(
        reader_arguments(client),
        {**LOCALE, "HOME": "/nonexistent"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@dataclass(frozen=True)
class _Found:
    """Say what our own reader found, and before which byte pg_restore must not stop."""

    data_end: int
    raw_bytes: int = 0
    blocks: tuple[BlockDigest, ...] = ()
    undigested: str | None = None


def _digests(relay: Relay) -> _Found:
    chunks = iter(relay)
    try:
        found = digest_archive(chunks)
    except Unsupported as error:
        # a codec or a version that pg_restore may know: it alone is the judge, of every byte
        for _ in chunks:
            pass
        return _Found(relay.given_bytes, undigested=error.message)
    return _Found(found.data_end, found.sql_bytes, found.blocks)


@dataclass(frozen=True)
class _Digesting:
    """Pass chunks to our own reader; what it finds wrong is raised here."""

    relay: Relay
    future: Future[_Found]
    beat: Callable[[], None]

    def take(self, chunk: bytes) -> None:
        self.look()
        self.relay.give(chunk, self.look)

    def look(self) -> None:
        self.beat()
        if self.future.done():
            self.future.result()

    def finish(self) -> _Found:
        self.relay.close()
        return attend(self.future, self.beat)


def _feed_both(child: Child, archive: Iterator[bytes], digesting: _Digesting) -> tuple[int, bool]:
    """Hand every chunk to both readers until pg_restore takes no more.

    Returns how many bytes it was offered, and whether it took them all.
    """
    widen(child.stdin)
    os.set_blocking(child.stdin.fileno(), False)
    offered_bytes = 0
    for chunk in archive:
        digesting.take(chunk)
        offered_bytes += len(chunk)
        if not feed(child.stdin, chunk, digesting.look):
            return offered_bytes, False
    child.stdin.close()
    return offered_bytes, True


def judge_reader(code: int, messages: StderrTail, *, was_taken: bool) -> None:
    """Raise IntegrityFailed unless pg_restore took every byte and said nothing.

    Internal when a signal ended it. `was_taken` says that it read until there were no more.
    """
    if code < 0:
        raise killed("pg_restore", code)
    if code in NEVER_BEGAN:
        raise Internal(f"pg_restore could not be started: {scrub(messages.text())}")
    if code != 0 or messages.has_trouble:
        raise IntegrityFailed(f"pg_restore cannot read the archive: {scrub(messages.text())}")
    if not was_taken:
        raise IntegrityFailed("there are bytes after the end of the archive")
