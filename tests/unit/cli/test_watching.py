from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from chalicelib.cli.interruption import Interruption
from chalicelib.cli.watching import LOOK_EVERY_S, pause_between_looks, watching
from chalicelib.domain.errors import Cancelled


def test_a_pause_ends_by_itself() -> None:
    begun = time.monotonic()

    pause_between_looks()

    assert LOOK_EVERY_S <= time.monotonic() - begun < 10 * LOOK_EVERY_S


def test_what_ends_by_itself_raises_nothing() -> None:
    with watching():
        pass


def test_an_interruption_ends_the_watching_and_says_that_the_work_goes_on() -> None:
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))

    with Interruption().listening():
        timer.start()
        with pytest.raises(Cancelled, match="while waiting") as caught, watching():
            pause_between_looks()
    timer.join()

    assert "goes on" in caught.value.hint
