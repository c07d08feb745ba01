"""Load the demo's rows: believable, the same for the same seed, about as many bytes as asked for.

Rows are made here as lines of COPY text and sent as a stream, which one core does at some twenty
megabytes a second. Pools of ready fragments keep the work per row to a few choices.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from chalicelib.local.sample_schema import AFTER_ROWS, BEFORE_ROWS

LINES_PER_MESSAGE: Final = 2000
ATTACHMENT_BYTES: Final = 50_000
START: Final = datetime(2025, 1, 1, tzinfo=UTC)
FIRST_ORDER: Final = 1000
FIRST_LARGE_OBJECT: Final = 50_000

_FIRST: Final = ("Ada", "Björn", "Chloé", "Dmitri", "Éva", "Farah", "José", "Łucja", "Måns", "Zoë")
_LAST: Final = ("O'Neill", "Müller", "García", "Nguyễn", "Şahin", "王", "Østergård", "Smith-Jones")
_CITIES: Final = ("Köln", "Zürich", "São Paulo", "東京", "Kraków", "Reykjavík", "Aix en Provence")
_WORDS: Final = [
    "quiet",
    "river",
    "stone",
    "lamp",
    "paper",
    "winter",
    "orchard",
    "violin",
    "copper",
    "meadow",
    "harbour",
    "cotton",
    "silver",
    "bread",
    "window",
    "garden",
    "thunder",
    "pencil",
    "marble",
    "walnut",
    "feather",
    "compass",
    "lantern",
    "saddle",
]
_STATES: Final = ("new", "paid", "on its way", "delivered", "sent back")
_KINDS: Final = ("page_view", "search", "add_to_basket", "checkout", "log_in", "error")
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True)
class Volume:
    """Say how many rows each kind gets."""

    customers: int
    products: int
    orders: int
    events: int
    sessions: int
    attachments: int

    @classmethod
    def of(cls, megabytes: int) -> Volume:
        """Return the counts whose COPY text is about this many megabytes."""
        return cls(
            customers=600 * megabytes,
            products=25 * megabytes,
            orders=900 * megabytes,
            events=2250 * megabytes,
            sessions=300 * megabytes,
            attachments=max(2, megabytes // 5),
        )


@dataclass(frozen=True)
class Rows:
    """Name a table, the columns that are sent, and its lines of COPY text."""

    table: tuple[str, str]
    columns: tuple[str, ...]
    lines: Iterable[str]


def load(
    connection: psycopg.Connection[Any],
    megabytes: int,
    *,
    seed: int = 1,
    check: Callable[[], object] = lambda: None,
) -> None:
    """Make the whole sample database in an empty one, in one transaction.

    `check` is called between any two messages and may raise to stop.
    """
    volume = Volume.of(megabytes)
    with connection.transaction():
        _run(connection, BEFORE_ROWS)
        for rows in all_rows(volume, seed):
            _copy(connection, rows, check)
        _load_large_objects(connection, volume.attachments, seed)
        connection.execute("INSERT INTO shop.no_columns DEFAULT VALUES")
        _run(connection, AFTER_ROWS)
    connection.execute("ANALYZE")


def all_rows(volume: Volume, seed: int) -> tuple[Rows, ...]:
    """Return the rows of every table that is loaded by COPY; equal seeds give equal rows."""
    return (
        Rows(("shop", "customers"), _CUSTOMER, customers(volume.customers, random.Random(seed))),
        Rows(("shop", "products"), _PRODUCT, products(volume.products, random.Random(seed + 1))),
        Rows(("shop", "orders"), _ORDER, orders(volume, random.Random(seed + 2))),
        Rows(("shop", "order_lines"), _LINE, order_lines(volume, random.Random(seed + 3))),
        Rows(("analytics", "events"), _EVENT, events(volume, random.Random(seed + 4))),
        Rows(
            ("analytics", "sessions"), _SESSION, sessions(volume.sessions, random.Random(seed + 5))
        ),
        Rows(("shop", "notes"), ("id", "owner", "body"), notes(random.Random(seed + 6))),
        Rows(("shop", "bookings"), ("during",), bookings()),
        Rows(("shop", "cache"), ("key", "value"), ('answer\t{"value": 42}',)),
        Rows(("Straße & Co", 'Größe "XL" neu'), _ODD, odd_values()),
    )


_CUSTOMER: Final = ("id", "email", "name", "home", "tags", "profile", "created_at")
_PRODUCT: Final = ("sku", "title", "price", "sizes", "attributes", "picture")
_ORDER: Final = ("id", "customer_id", "state", "placed_at", "remark")
_LINE: Final = ("order_id", "line", "sku", "quantity", "price")
_EVENT: Final = ("id", "happened_at", "kind", "customer_id", "payload", "address")
_SESSION: Final = ("id", "seconds", "pages", "scores")
_ODD: Final = ("select", "naïve; DROP TABLE x --", "日本語")


def customers(count: int, chance: random.Random) -> Iterator[str]:
    """Yield people with a composite address, tags and a JSON profile."""
    for number in range(1, count + 1):
        name = f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"
        street, city = (
            f"{chance.choice(_WORDS).title()} Road {number % 199}",
            chance.choice(_CITIES),
        )
        home = f'("{street}","{city}",{10000 + number % 90000})'
        tags = "{" + ",".join(chance.sample(_WORDS, number % 4)) + "}"
        profile = {
            "newsletter": number % 3 == 0,
            "words": chance.sample(_WORDS, 6),
            "visits": number,
        }
        yield line(
            str(number),
            f"customer{number}@example.org",
            name,
            home if number % 10 else None,
            tags,
            json.dumps(profile),
            _moment(number * 977),
        )


def products(count: int, chance: random.Random) -> Iterator[str]:
    """Yield things to buy, with a range of sizes and a picture of noise."""
    for number in range(count):
        sizes = f"[{number % 40},{number % 40 + 12})" if number % 3 else None
        yield line(
            f"SKU-{number:06}",
            " ".join(chance.sample(_WORDS, 3)),
            f"{chance.randint(1, 99_999)}.{number % 100:02}",
            sizes,
            json.dumps({"colour": chance.choice(_WORDS), "weight": chance.random()}),
            "\\x" + chance.randbytes(2500).hex(),
        )


def orders(volume: Volume, chance: random.Random) -> Iterator[str]:
    """Yield orders of customers that exist."""
    for number in range(FIRST_ORDER, FIRST_ORDER + volume.orders):
        yield line(
            str(number),
            str(chance.randint(1, volume.customers)),
            chance.choice(_STATES),
            _moment(number * 311),
            None if number % 4 else f"leave at the\t{chance.choice(_WORDS)},\nplease \\ ring",
        )


def order_lines(volume: Volume, chance: random.Random) -> Iterator[str]:
    """Yield two lines for each order, of products that exist."""
    for order in range(FIRST_ORDER, FIRST_ORDER + volume.orders):
        for number in (1, 2):
            sku = f"SKU-{chance.randrange(volume.products):06}"
            price = f"{chance.randint(1, 999)}.{order % 100:02}"
            yield line(str(order), str(number), sku, str(chance.randint(1, 9)), price)


def events(volume: Volume, chance: random.Random) -> Iterator[str]:
    """Yield what visitors did: the bulk of the database, over nine months and a bit."""
    pool = [json.dumps(_payload(chance)).translate(_ESCAPES)[:-1] for _ in range(500)]
    step = 25_000_000 // max(1, volume.events)
    for number in range(volume.events):
        payload = f'{chance.choice(pool)}, "sequence": {number}, "r": {chance.random()}}}'
        address = f"2001:db8::{number % 65536:x}" if number % 5 == 0 else f"192.0.2.{number % 256}"
        customer = str(chance.randint(1, volume.customers)) if number % 3 else r"\N"
        kind = _KINDS[number % len(_KINDS)]
        yield f"{number}\t{_moment(number * step)}\t{kind}\t{customer}\t{payload}\t{address}\n"


def sessions(count: int, chance: random.Random) -> Iterator[str]:
    """Yield visits with arrays and special floating point values."""
    special = ("NaN", "Infinity", "-0", "1e-300")
    for number in range(count):
        pages = ",".join(f'"/{word}/{number}"' for word in chance.sample(_WORDS, 4))
        scores = ",".join((repr(chance.random()), "NULL", special[number % len(special)]))
        identity = UUID(int=chance.getrandbits(128))
        yield line(str(identity), f"{number % 7200} seconds", f"{{{pages}}}", f"{{{scores}}}")


def notes(chance: random.Random) -> Iterator[str]:
    """Yield notes of two owners, for a table with row security."""
    for number in range(40):
        identity = str(UUID(int=chance.getrandbits(128)))
        yield line(identity, "postgres" if number % 2 else "nobody else", chance.choice(_WORDS))


def bookings() -> Iterator[str]:
    """Yield hours that do not overlap, as the table's exclusion constraint asks."""
    for number in range(50):
        yield line(f"[{_moment(number * 7200)},{_moment(number * 7200 + 3600)})")


def odd_values() -> Iterator[str]:
    """Yield text that careless tools break on."""
    texts = ("", None, "\\N", "\\.", "tab\there", "'; DROP TABLE x; --", "🦖\u200d", "\x01\x7f")
    for number, text in enumerate(texts):
        yield line(str(number), text, str(number / 3))


def line(*values: str | None) -> str:
    r"""Return one line of COPY text; None is NULL, which COPY writes as \N."""
    return "\t".join(r"\N" if v is None else v.translate(_ESCAPES) for v in values) + "\n"


def _payload(chance: random.Random) -> dict[str, object]:
    return {
        "path": "/" + "/".join(chance.sample(_WORDS, 3)),
        "agent": f"Browser/{chance.randint(1, 140)}.0 (“{chance.choice(_CITIES)}”)",
        "basket": [{"sku": chance.choice(_WORDS), "n": chance.randint(1, 5)} for _ in range(2)],
    }


def _moment(seconds: int) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(sep=" ")


def _run(connection: psycopg.Connection[Any], scripts: tuple[LiteralString, ...]) -> None:
    for script in scripts:
        connection.execute(script)


def _copy(connection: psycopg.Connection[Any], rows: Rows, check: Callable[[], object]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*rows.table), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    lines = iter(rows.lines)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        # one message per row would spend more time on messages than on rows
        while message := "".join(islice(lines, LINES_PER_MESSAGE)):
            copy.write(message)
            check()


def _load_large_objects(connection: psycopg.Connection[Any], count: int, seed: int) -> None:
    chance = random.Random(seed + 7)
    for number in range(count):
        # every second one repeats itself, so that compression has something to do
        block = chance.randbytes(ATTACHMENT_BYTES if number % 2 else 50)
        content = block * (ATTACHMENT_BYTES // len(block))
        connection.execute(
            "INSERT INTO shop.attachments SELECT %s, %s, lo_from_bytea(%s, %s)",
            (number, FIRST_ORDER + number, FIRST_LARGE_OBJECT + number, content),
        )
