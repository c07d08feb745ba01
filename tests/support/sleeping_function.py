"""A worker that hangs in `dump` until its function is killed; all else is the real handler."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event

from chalicelib.worker import function


def handler(event: Mapping[str, object], context: function.LambdaContext) -> dict[str, str]:
    if event["step"] == "dump":
        Event().wait()
    return function.handler(event, context)
