"""Watch work that another process does."""

from __future__ import annotations

import threading
from typing import Final

from chalicelib.domain.errors import Cancelled

LOOK_EVERY_S: Final = 0.5


def pause_between_looks() -> None:
    """Wait until it is time to look again; an interruption ends the watching, not the work."""
    try:
        threading.Event().wait(LOOK_EVERY_S)
    except KeyboardInterrupt as error:
        raise Cancelled(
            "interrupted while waiting",
            hint="The service goes on with it; `holdfast backups show ID` tells how it ends.",
        ) from error
