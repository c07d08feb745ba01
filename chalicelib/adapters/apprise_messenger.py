"""Messages to anything that Apprise speaks to: Slack, Discord, Telegram, e-mail and many more."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chalicelib.domain.channel import ChannelAddress
from chalicelib.domain.errors import ChannelFailed
from chalicelib.domain.message import Message


@dataclass(frozen=True)
class AppriseMessenger:
    """Send messages through Apprise; `parse` names a URL's service and refuses what is not allowed.

    The timeouts are Apprise's own: 4 s to connect, 4 s for each read.
    """

    parse: Callable[[str], str]

    def send(self, address: ChannelAddress, message: Message) -> None:
        """Hand one message over; ChannelFailed when Apprise could not, without its words."""
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - a second at import, workers only

        url = address.url.get_secret_value()
        service = self.parse(url)
        # a redirect would lead past the check of the service
        asset = AppriseAsset(http_redirects=False, app_id="Holdfast", async_mode=False)
        client = Apprise(asset=asset)
        with _quiet():
            if not client.add(url):
                raise ChannelFailed(
                    f"Apprise does not understand this {service} URL",
                    hint="Compare it with Apprise's page about the service.",
                )
            if not _notified(client.notify, message):
                raise ChannelFailed(f"{service} did not take the message")


def _notified(notify: Callable[..., object], message: Message) -> bool:
    try:
        return bool(notify(title=message.subject, body=message.text, body_format="text"))
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        # what plugins raise for answers they did not expect; requests' errors are OSErrors
        raise ChannelFailed("the service's answer was not understood") from error


@contextmanager
def _quiet() -> Iterator[None]:
    # Apprise logs URLs with their tokens, and Python prints what nobody handles; it also loads all
    # of its plugins at once, and what those import is not ours to mend.
    log = logging.getLogger("apprise")
    before = log.disabled
    log.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        log.disabled = before
