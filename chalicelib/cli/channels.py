"""The commands `holdfast channels …`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TextIO

import click

from chalicelib.cli.fields import (
    cursor_option,
    given,
    id_argument,
    job_result,
    limit_option,
    tag_option,
)
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_list, print_record
from chalicelib.cli.record_commands import delete_command, list_command, show_command
from chalicelib.cli.service import open_service
from chalicelib.domain.channel import ChannelKind
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.notices import NoticeKind

COLUMNS: Final = ("id", "name", "kind", "place", "enabled", "events")
DELIVERY_COLUMNS: Final = ("notice_id", "state", "tries", "created_at", "ended_at", "error.message")
EVENTS: Final = [kind.value for kind in NoticeKind if kind is not NoticeKind.CHANNEL_TEST]

event_option = click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice(EVENTS),
    help="Send only this kind of notice; repeatable.",
)
project_option = click.option(
    "--project", "projects", multiple=True, help="Send only what is about this project; repeatable."
)


@click.group()
def channels() -> None:
    """Say where notices go: webhooks, chat, e-mail, pagers."""


channels.add_command(
    list_command("channel", "List channels, newest first; never their URLs.", COLUMNS, "")
)
channels.add_command(show_command("channel", "Show a channel and what came of the last try at it."))
channels.add_command(
    delete_command("channel", "Delete a channel; what waited for it is never delivered.")
)


@channels.command(
    epilog=examples(
        "printf %s \"$HOOK_URL\" | holdfast channels create 'on call' --kind webhook",
        "printf %s discord://ID/TOKEN | holdfast channels create chat --kind apprise",
    )
)
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in ChannelKind]),
    required=True,
    help="A signed webhook, a service that Apprise knows, or a topic of SNS.",
)
@click.option(
    "--url-file",
    type=click.File(),
    default="-",
    show_default=True,
    help="File that holds the URL; - is standard input.",
)
@event_option
@project_option
@tag_option
@data_option
@json_option
@pass_invocation
def create(
    invocation: Invocation,
    *,
    name: str,
    kind: str,
    url_file: TextIO,
    events: tuple[str, ...],
    projects: tuple[str, ...],
    tags: dict[str, str] | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Make a channel. Its URL is read and not given, because it is a secret.

    A webhook's signing secret is printed this once.
    """
    body = given(
        name=name,
        kind=kind,
        url=_read(url_file),
        events=list(events) or None,
        projects=list(projects) or None,
        tags=tags,
    )
    with open_service(invocation, data) as service:
        print_record(service.request("POST", "/v1/channels", body=body), as_json=as_json)


@channels.command(epilog=examples("holdfast channels deliveries 01JD0000000000000000000000"))
@id_argument("channel_id")
@limit_option
@cursor_option
@data_option
@json_option
@pass_invocation
def deliveries(
    invocation: Invocation,
    /,
    *,
    channel_id: str,
    limit: int,
    cursor: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """List what was brought to a channel in the last 30 days, newest first."""
    with open_service(invocation, data) as service:
        path = f"/v1/channels/{channel_id}/deliveries"
        page = service.listed(path, {"cursor": cursor}, limit)
    print_list(page, DELIVERY_COLUMNS, as_json=as_json)


@channels.command(epilog=examples("holdfast channels update 01JD0000000000000000000000 --disable"))
@id_argument("channel_id")
@click.option("--name", help="A new name.")
@click.option("--url-file", type=click.File(), help="Read a new URL; - is standard input.")
@click.option("--enable/--disable", "enabled", default=None, help="Send notices, or keep still.")
@event_option
@project_option
@tag_option
@data_option
@json_option
@pass_invocation
def update(
    invocation: Invocation,
    /,
    *,
    channel_id: str,
    url_file: TextIO | None,
    data: Path | None,
    as_json: bool,
    **changes: Any,
) -> None:
    """Change a channel; what is left out stays as it is."""
    lists = {name: list(changes.pop(name)) or None for name in ("events", "projects")}
    body = given(url=_read(url_file) if url_file else None, **changes, **lists)
    with open_service(invocation, data) as service:
        changed = service.request("PATCH", f"/v1/channels/{channel_id}", body=body)
    print_record(changed, as_json=as_json)


@channels.command(epilog=examples("holdfast channels test 01JD0000000000000000000000"))
@id_argument("channel_id")
@data_option
@json_option
@pass_invocation
def test(invocation: Invocation, *, channel_id: str, data: Path | None, as_json: bool) -> None:
    """Send a test notice and say whether the channel took it."""
    with open_service(invocation, data) as service:
        job = service.request("POST", f"/v1/channels/{channel_id}/test")
        print_record(job_result(service, job), as_json=as_json)


def _read(file: TextIO) -> str:
    # arguments are seen by everybody on the machine and kept by shells
    url = file.readline(4096).strip()
    if not url:
        raise InvalidRequest("there is no URL to read", hint="Pipe it in, or name its file.")
    return url
