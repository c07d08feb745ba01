"""Make what brings notices to channels, and what judges where channels may lead."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from chalicelib.domain.apprise_url import any_apprise_service, fixed_apprise_service
from chalicelib.domain.channel import ChannelKind
from chalicelib.domain.errors import InvalidRequest, Unsupported
from chalicelib.domain.http_target import HttpTarget, any_http_target, http_target
from chalicelib.ports import Clock, Messenger
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.adapters.http_call import HttpCaller

TOPIC: Final = re.compile(
    r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:(?P<name>[A-Za-z0-9_.-]{1,256})"
)

HEARTBEAT_DEADLINE_S: Final = 5.0
"""The sweeper of one machine also starts its workers, which wait meanwhile."""

Messengers = Mapping[ChannelKind, Callable[[], Messenger]]


def place_of(settings: Settings) -> Callable[[ChannelKind, str], str]:
    """Return what judges the URL of a channel and tells the part of it that is no secret."""

    def place(kind: ChannelKind, url: str) -> str:
        match kind:
            case ChannelKind.WEBHOOK:
                return f"{http_rule(settings)(url).origin}/…"
            case ChannelKind.APPRISE:
                return f"{apprise_rule(settings)(url)}://…"
            case ChannelKind.SNS:
                return _topic(settings, url)

    return place


def http_rule(settings: Settings) -> Callable[[str], HttpTarget]:
    """Return what takes a URL apart and refuses where it may not lead."""
    return http_target if settings.guards_hosts else any_http_target


def apprise_rule(settings: Settings) -> Callable[[str], str]:
    """Return what names the service of an Apprise URL and refuses those that lead anywhere."""
    return fixed_apprise_service if settings.guards_hosts else any_apprise_service


def http_caller(settings: Settings, clock: Clock) -> HttpCaller:
    """Return what calls other people's servers, behind the host guard where it is on."""
    from chalicelib.adapters.host_guard import PublicHosts, system_resolve
    from chalicelib.adapters.http_call import HttpCaller

    guard = PublicHosts(system_resolve, clock, threading.Event().wait)
    return HttpCaller(clock, guard if settings.guards_hosts else None)


def heartbeat(settings: Settings, clock: Clock) -> Callable[[], None] | None:
    """Return what calls the dead-man's switch; None where there is none."""
    if settings.heartbeat_url is None:
        return None
    # whoever sets the environment may reach inner hosts anyway, so the guard is not asked
    try:
        target = any_http_target(settings.heartbeat_url.get_secret_value())
    except InvalidRequest as error:
        raise InvalidRequest(
            "the setting HOLDFAST_HEARTBEAT_URL is not the URL of a switch", hint=error.hint
        ) from error

    def ping() -> None:
        from chalicelib.adapters.http_call import Heartbeat, HttpCaller

        Heartbeat(HttpCaller(clock, deadline_s=HEARTBEAT_DEADLINE_S), target).ping()

    return ping


def messengers_of(settings: Settings, clock: Clock) -> Messengers:
    """Return the senders that every installation has; nothing is loaded before it is used."""

    def webhook() -> Messenger:
        from chalicelib.adapters.webhook import WebhookMessenger

        return WebhookMessenger(http_caller(settings, clock), http_rule(settings))

    def apprise() -> Messenger:
        from chalicelib.adapters.apprise_messenger import AppriseMessenger

        return AppriseMessenger(apprise_rule(settings))

    return {ChannelKind.WEBHOOK: webhook, ChannelKind.APPRISE: apprise}


def chosen(messengers: Messengers) -> Callable[[ChannelKind], Messenger]:
    """Return what gives the sender of a kind; Unsupported when there is none here."""

    def choose(kind: ChannelKind) -> Messenger:
        if kind not in messengers:
            raise Unsupported(f"channels of kind {kind} are not served here")
        return messengers[kind]()

    return choose


def _topic(settings: Settings, arn: str) -> str:
    if settings.table is None:
        raise InvalidRequest(
            "topics of SNS are for installations on AWS",
            hint="Use a webhook or Apprise.",
            field="kind",
        )
    found = TOPIC.fullmatch(arn)
    if found is None:
        raise InvalidRequest(
            "the URL of an SNS channel is the ARN of its topic",
            hint="Write it as arn:aws:sns:region:account:name.",
            field="url",
        )
    return f"sns://{found['name']}"
