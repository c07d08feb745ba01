"""The lane of flipped bits: a real backup, one bit changed, a whole verification; many times.

    python -m tests.soak flips [--flips 1600] [--seed 1]

Flips go in turn through header, table of contents, data and manifest, of an uncompressed and of a
gzip archive. Every one must be refused by the verification of the service; our own reader alone may
take what it cannot know (it has no checksum), but must never crash or hang.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Final

import psycopg

from chalicelib.bootstrap.services import embedded
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.settings import Settings
from tests.soak.report import Report, bound_95, sized
from tests.support.flips import PARTS, Flip, FlipStand, made

FLIPS: Final = 1600
CODECS: Final = ("none", "gzip")
REFUSED: Final = IntegrityFailed.code
READ: Final = ("refused", "other", "unnoticed")


@dataclass
class Tally:
    """Count the flips of one part of one archive."""

    verified: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        told = (
            ", ".join(f"{end} {count}" for end, count in ends.most_common())
            for ends in (self.verified, self.read)
        )
        return "verification: {}; reader alone: {}".format(*told)


def run(arguments: list[str]) -> Report:
    """Flip so many bits; a failure names archive, part, byte and bit."""
    flips, seed = sized("flips", "flips", FLIPS, arguments)
    began = time.perf_counter()
    tallies: dict[str, Tally] = {}
    failures: list[str] = []
    for codec in CODECS:
        with stand(codec) as damaged:
            failures += play(damaged, codec, (-(-flips // len(CODECS)), seed), tallies)
    return report(tallies, failures, seed, time.perf_counter() - began)


def play(
    damaged: FlipStand, codec: str, drawn: tuple[int, int], tallies: dict[str, Tally]
) -> Iterator[str]:
    """Flip bits of each part in turn, count how that ends, and yield what broke a promise."""
    count, seed = drawn
    random = Random(f"{seed} {codec}")  # noqa: S311 - places that a seed repeats, no secrets
    for part in islice(cycle(PARTS), count):
        flip = damaged.draw(part, random)
        verified, read = damaged.verified(part, flip), damaged.read(part, flip)
        tally = tallies.setdefault(f"{part}, {codec}", Tally())
        tally.verified[verified] += 1
        tally.read[read] += 1
        yield from broken(f"{part} of {codec}", flip, verified, read)


def broken(where: str, flip: Flip, verified: str, read: str) -> Iterator[str]:
    """Say which promise a flip broke, if any."""
    at = f"{where}, byte {flip.place}, bit {flip.bit}"
    if verified != REFUSED:
        yield f"{at}: the verification ended as {verified}"
    if read.partition(":")[0] not in READ:
        yield f"{at}: the reader alone {read}"


def report(tallies: dict[str, Tally], failures: list[str], seed: int, seconds: float) -> Report:
    """Return the figures, with what the count excludes when nothing failed."""
    flips = sum(tally.verified.total() for tally in tallies.values())
    refused = sum(tally.verified[REFUSED] for tally in tallies.values())
    bound = f"{bound_95(flips):.2%}" if refused == flips else "none"
    return Report(
        "flips",
        {
            "first seed": seed,
            "flips": flips,
            "refused by the verification": refused,
            "95 % bound on a flip that passes": bound,
            "flips per second": round(flips / seconds, 1),
            **{where: str(tally) for where, tally in tallies.items()},
        },
        tuple(failures),
    )


@contextmanager
def stand(codec: str) -> Iterator[FlipStand]:
    """Give a backup of a server of its own."""
    newest = max(find_servers(), key=lambda programs: programs.version)
    with (
        LocalPostgres(newest, LocalSettings(durable=False)) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        with psycopg.connect(server.url(), autocommit=True) as session:
            session.execute("CREATE DATABASE flips TEMPLATE template0")
        services = embedded(Settings(data=Path(folder)))
        yield made(services, server.connection("flips"), codec)
