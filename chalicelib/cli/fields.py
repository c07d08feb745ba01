"""Options that several commands share, and how their words become fields of a request."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from chalicelib.cli.progress_view import ProgressView
from chalicelib.cli.service import Service, raise_unless_completed
from chalicelib.domain.progress import Progress

Command = TypeVar("Command", bound=Callable[..., Any])

_ID: Final = re.compile(r"[0-9A-Za-z]{1,64}")


def _id(context: click.Context, parameter: click.Parameter, word: str) -> str:
    del context, parameter
    # it becomes a part of a path, where ../keys/… would lead to another kind of thing
    if not is_id(word):
        raise click.BadParameter("an id has letters and digits only")
    return word


def _tags(
    context: click.Context, parameter: click.Parameter, words: tuple[str, ...]
) -> dict[str, str] | None:
    del context, parameter
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or name in found:
            raise click.BadParameter(f"{word!r} is not NAME=VALUE, each name once")
        found[name] = value
    return found or None


tag_option: Callable[[Command], Command] = click.option(
    "--tag", "tags", multiple=True, callback=_tags, help="NAME=VALUE to find it by; repeatable."
)
project_option: Callable[[Command], Command] = click.option(
    "--project", required=True, callback=_id, help="Id of the project."
)
limit_option: Callable[[Command], Command] = click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="How many to list at most, newest first.",
)
cursor_option: Callable[[Command], Command] = click.option(
    "--cursor", help="Where to go on, as the list before said."
)


def id_argument(name: str, metavar: str | None = None) -> Callable[[Command], Command]:
    """Return an argument that takes the id of a record and nothing else."""
    return click.argument(name, metavar=metavar, callback=_id)


def given(**fields: object) -> dict[str, object]:
    """Return the fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def job_result(service: Service, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for a job and return its result; its error is raised."""
    ended = service.ended(f"/v1/jobs/{job['id']}", lambda _: None)
    raise_unless_completed(ended, "job")
    result: dict[str, Any] = ended["result"] or {}
    return result


def backup_ended(service: Service, backup_id: str, view: ProgressView) -> dict[str, Any]:
    """Wait for a backup, showing its progress, and return it; its error is raised."""
    return run_ended(service, f"/v1/backups/{backup_id}", "backup", view)


def run_ended(service: Service, path: str, what: str, view: ProgressView) -> dict[str, Any]:
    """Wait for the run at `path`, showing its progress, and return it; its error is raised."""
    with view:
        ended = service.ended(path, shown_progress(view))
    raise_unless_completed(ended, what)
    return ended


def is_id(word: str) -> bool:
    """Tell whether a word can be the id of a record."""
    return _ID.fullmatch(word) is not None


def shown_progress(view: ProgressView) -> Callable[[dict[str, Any]], None]:
    """Return what shows the progress of a run as the service tells it."""

    def show(run: dict[str, Any]) -> None:
        if run.get("progress"):
            shown = {name: value for name, value in run["progress"].items() if name != "fraction"}
            view.show(Progress.model_validate({"id": run["id"], **shown}))

    return show
