"""The commands that kinds of records have alike: list them, show one, delete or cancel one.

Each is for the list /v1/KINDs, as in backup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import click

from chalicelib.cli.fields import cursor_option, id_argument, limit_option
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_list, print_record
from chalicelib.cli.run_lines import print_run
from chalicelib.cli.service import open_service

Option = Callable[[Callable[..., Any]], Callable[..., Any]]

_EXAMPLE_ID: Final = "01JD0000000000000000000000"
_LISTING: Final[tuple[Option, ...]] = (limit_option, cursor_option, data_option, json_option)


def choice_filter(name: str, words: type[StrEnum]) -> Option:
    """Return the filter that lets records with one of these words through."""
    return click.option(name, type=click.Choice([one.value for one in words]), help="Only these.")


def list_command(
    kind: str, summary: str, columns: Sequence[str], example: str, *filters: Option
) -> click.Command:
    """Return the command that lists records; filters have the names that the service gives them.

    `example` is what may follow `list`.
    """

    @pass_invocation
    def listed(
        invocation: Invocation, /, *, limit: int, data: Path | None, as_json: bool, **query: Any
    ) -> None:
        with open_service(invocation, data) as service:
            page = service.listed(f"/v1/{kind}s", query, limit)
        print_list(page, columns, as_json=as_json)

    body: Callable[..., Any] = listed
    # the one that is laid on last stands first in the help
    for option in reversed((*filters, *_LISTING)):
        body = option(body)
    shown = examples(f"holdfast {kind}s list {example}".rstrip())
    return click.command("list", help=summary, epilog=shown)(body)


def show_command(kind: str, summary: str) -> click.Command:
    """Return the command that shows a record."""
    example = examples(f"holdfast {kind}s show {_EXAMPLE_ID} --json")

    @click.command("show", help=summary, epilog=example)
    @id_argument("record_id", f"{kind}_id".upper())
    @data_option
    @json_option
    @pass_invocation
    def show(invocation: Invocation, *, record_id: str, data: Path | None, as_json: bool) -> None:
        with open_service(invocation, data) as service:
            print_run(service.request("GET", f"/v1/{kind}s/{record_id}"), as_json=as_json)

    return show


def delete_command(kind: str, summary: str, *, verb: str = "delete") -> click.Command:
    """Return the command that ends a record at once, without asking."""
    example = examples(f"holdfast {kind}s {verb} {_EXAMPLE_ID}")

    @click.command(verb, help=summary, epilog=example)
    @id_argument("record_id", f"{kind}_id".upper())
    @data_option
    @json_option
    @pass_invocation
    def delete(invocation: Invocation, *, record_id: str, data: Path | None, as_json: bool) -> None:
        with open_service(invocation, data) as service:
            service.request("DELETE", f"/v1/{kind}s/{record_id}")
        print_record({"id": record_id, f"{verb}d": True}, as_json=as_json)

    return delete


def cancel_command(kind: str, summary: str) -> click.Command:
    """Return the command that cancels a run."""
    example = examples(f"holdfast {kind}s cancel {_EXAMPLE_ID}")

    @click.command("cancel", help=summary, epilog=example)
    @id_argument("record_id", f"{kind}_id".upper())
    @data_option
    @json_option
    @pass_invocation
    def cancel(invocation: Invocation, *, record_id: str, data: Path | None, as_json: bool) -> None:
        with open_service(invocation, data) as service:
            cancelled = service.request("POST", f"/v1/{kind}s/{record_id}/cancel", body={})
        print_run(cancelled, as_json=as_json)

    return cancel
