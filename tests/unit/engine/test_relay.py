"""Chunks go from one thread to the other in order, and nobody waits for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.domain.errors import Cancelled
from chalicelib.engine.relay import ROOM, Relay

CHUNKS = [bytes([number]) * number for number in range(60)]


def test_everything_comes_in_order() -> None:
    relay = Relay()

    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(list, relay)
        for chunk in CHUNKS:
            relay.give(chunk, lambda: None)
        relay.close()

    assert taken.result() == CHUNKS
    assert relay.given_bytes == sum(map(len, CHUNKS))


def test_without_room_the_giver_asks_whether_to_go_on() -> None:
    relay = Relay()
    for _ in range(ROOM):
        relay.give(b"x", lambda: None)

    def cancel() -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        relay.give(b"x", cancel)


def test_an_end_needs_no_room() -> None:
    relay = Relay()
    for _ in range(ROOM):
        relay.give(b"x", lambda: None)

    relay.close()

    assert list(relay) == [b"x"] * ROOM
