"""Which URLs of Apprise are taken: their form, and with the host guard on, the services they name.

Apprise resolves hosts by itself, so an address cannot be pinned for it. With the guard on only
services stay whose host is the vendor's own, whatever the rest of the URL says.
"""

from __future__ import annotations

import re
from typing import Final

from chalicelib.domain.errors import InvalidRequest

MAX_URL: Final = 2048
URL: Final = re.compile(r"(?P<service>[a-z][a-z0-9]{1,31})://[!-~]+", re.IGNORECASE)

FIXED_HOSTS: Final = frozenset(
    {
        *("slack", "discord", "tgram", "gchat", "wxteams", "webex"),
        *("pagerduty", "opsgenie", "pagertree", "signl4", "splunk", "victorops"),
        *("pover", "sendgrid", "mailgun"),
    }
)
"""Services of Apprise whose plugins send to one host of their vendor, as read in version 2.2."""


def any_apprise_service(url: str) -> str:
    """Return the name of the service; InvalidRequest, which never repeats the URL, if none.

    Whether Apprise knows the service, and likes the rest, a test of the channel tells: the API does
    not carry Apprise.
    """
    found = URL.fullmatch(url)
    if found is None or len(url) > MAX_URL:
        raise InvalidRequest(
            "the URL is not one of Apprise",
            hint="Write it as Apprise does: service://…, as in discord://id/token.",
            field="url",
        )
    return found["service"].lower()


def fixed_apprise_service(url: str) -> str:
    """Return the name of the service if it leads to its vendor only; else InvalidRequest."""
    service = any_apprise_service(url)
    if service not in FIXED_HOSTS:
        raise InvalidRequest(
            "with the host guard on, only services with a host of their own are taken",
            hint=f"Use one of: {', '.join(sorted(FIXED_HOSTS))}; or a webhook.",
            field="url",
        )
    return service
