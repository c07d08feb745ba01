from __future__ import annotations

import os
import signal

import pytest

from chalicelib.cli.interruption import SIGNALS, Interruption
from chalicelib.domain.errors import Cancelled


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_interrupts_and_the_next_does_not(number: signal.Signals) -> None:
    interruption = Interruption()

    with interruption.listening():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)

    assert interruption.asked


def test_polled_work_only_sees_the_flag() -> None:
    interruption = Interruption()

    with interruption.listening(), interruption.polled():
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Cancelled):
        interruption.check()


def test_former_handlers_come_back() -> None:
    former = signal.getsignal(signal.SIGTERM)

    with Interruption().listening():
        during = signal.getsignal(signal.SIGTERM)

    assert during != former
    assert signal.getsignal(signal.SIGTERM) == former
