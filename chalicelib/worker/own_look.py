"""What the worker says of itself when `holdfast doctor --stack` asks: {"work": "look"}."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from chalicelib.engine.clients import Clients, default_folders
from chalicelib.settings import Settings

LOOK: Final = "look"


def is_asked(event: Mapping[str, object]) -> bool:
    """Tell whether an event asks for this, and for no step of an execution."""
    return event.get("work") == LOOK


def programs(settings: Settings) -> dict[str, str]:
    """Return the PostgreSQL clients at hand, for others to judge: they may know of newer holes."""
    found = Clients(default_folders(settings.client_dirs)).find()
    told = [
        {
            "bin_dir": str(client.bin_dir),
            "version": str(client.version),
            "has_tls": client.has_tls,
            "has_zstd": client.has_zstd,
        }
        for client in found
    ]
    return {"clients": json.dumps(told)}
