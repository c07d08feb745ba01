"""Watch work that another process does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from chalicelib.domain.errors import Cancelled

LOOK_EVERY_S: Final = 0.5


def pause_between_looks() -> None:
    """Wait until it is time to look again."""
    threading.Event().wait(LOOK_EVERY_S)


@contextmanager
def watching() -> Iterator[None]:
    """Be the time of looking and pausing: an interruption ends the watching, not the work."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Cancelled(
            "interrupted while waiting",
            hint="The service goes on with it; `holdfast backups show ID` tells how it ends.",
        ) from error
