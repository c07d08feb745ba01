"""What runs of all kinds have alike: the commands that show and cancel one, and its lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from chalicelib.cli.fields import id_argument
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_record
from chalicelib.cli.progress_view import duration
from chalicelib.cli.service import open_service

_EXAMPLE_ID: Final = "01JD0000000000000000000000"


def show_command(kind: str, summary: str) -> click.Command:
    """Return the command that shows one `kind`, as in backup, of the list /v1/backups."""
    example = examples(f"holdfast {kind}s show {_EXAMPLE_ID} --json")

    @click.command("show", help=summary, epilog=example)
    @id_argument("run_id", f"{kind}_id".upper())
    @data_option
    @json_option
    @pass_invocation
    def show(invocation: Invocation, *, run_id: str, data: Path | None, as_json: bool) -> None:
        with open_service(invocation, data) as service:
            print_run(service.request("GET", f"/v1/{kind}s/{run_id}"), as_json=as_json)

    return show


def cancel_command(kind: str, summary: str) -> click.Command:
    """Return the command that cancels one `kind`."""
    example = examples(f"holdfast {kind}s cancel {_EXAMPLE_ID}")

    @click.command("cancel", help=summary, epilog=example)
    @id_argument("run_id", f"{kind}_id".upper())
    @data_option
    @json_option
    @pass_invocation
    def cancel(invocation: Invocation, *, run_id: str, data: Path | None, as_json: bool) -> None:
        with open_service(invocation, data) as service:
            cancelled = service.request("POST", f"/v1/{kind}s/{run_id}/cancel", body={})
        print_run(cancelled, as_json=as_json)

    return cancel


def print_run(run: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a run; for people each of its steps has a line."""
    # a service of before tells none
    steps = {str(number): _told(step) for number, step in enumerate(run.get("steps") or (), 1)}
    print_record(run if as_json else {**run, "steps": steps}, as_json=as_json)


def _told(step: Mapping[str, Any]) -> str:
    words = f"attempt {step['attempt']}: {step['words']}" if step["attempt"] > 1 else step["words"]
    took = "still going on" if step["duration_s"] is None else duration(step["duration_s"])
    return f"{step['began_at']} {words}, {took}"
