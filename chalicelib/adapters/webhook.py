"""Our own webhook: a JSON body, signed with a time, so that receivers can trust it and drop copies.

Holdfast-Id         the notice's id, the same for every repetition
Holdfast-Event      its kind, as backup.failed
Holdfast-Timestamp  seconds since 1970 at which this try was signed
Holdfast-Signature  v1=, then HMAC-SHA256 over timestamp, a full stop and the body, in hex
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chalicelib import __version__
from chalicelib.adapters.http_call import SUCCESSES, HttpCaller, HttpRequest
from chalicelib.domain.channel import ChannelAddress
from chalicelib.domain.errors import ChannelFailed
from chalicelib.domain.http_target import HttpTarget
from chalicelib.domain.message import Message

REDIRECTS: Final = range(300, 400)


@dataclass(frozen=True)
class WebhookMessenger:
    """Post messages; `parse` takes a URL apart and refuses where it may not lead."""

    caller: HttpCaller
    parse: Callable[[str], HttpTarget]

    def send(self, address: ChannelAddress, message: Message) -> None:
        """Post one message; any answer but 2xx is ChannelFailed, redirects included."""
        body = message.json_body()
        timestamp = str(int(self.caller.clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Holdfast/{__version__}",
            "Holdfast-Id": message.id,
            "Holdfast-Event": message.event,
            "Holdfast-Timestamp": timestamp,
        }
        if address.signing_secret is not None:
            secret = address.signing_secret.get_secret_value()
            headers["Holdfast-Signature"] = f"v1={signature(secret, timestamp, body)}"
        target = self.parse(address.url.get_secret_value())
        _require_success(self.caller.call(target, HttpRequest("POST", headers, body)))


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what proves that a body was sent by who knows the secret, at this time."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _require_success(status: int) -> None:
    if status in SUCCESSES:
        return
    if status in REDIRECTS:
        raise ChannelFailed(
            f"the receiver answered with status {status}, and redirects are not followed",
            hint="Set the channel's URL to where the redirect leads, if that is yours.",
        )
    raise ChannelFailed(f"the receiver answered with status {status}")
