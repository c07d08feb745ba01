"""The options of Supabase projects, and how their words become fields of a request.

Secrets are named by the variable that holds them: an argument shows in the list of processes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from chalicelib.cli.invocation import VARIABLE_MARK, Invocation
from chalicelib.domain.access import new_secret
from chalicelib.domain.backup import Component
from chalicelib.domain.project import ProjectKind
from chalicelib.domain.reader_role import READER, supabase_reader_sql
from chalicelib.domain.supabase import REF, StorageAccess, WhenObjectGone

Command = TypeVar("Command", bound=Callable[..., Any])

SECRETS: Final = ("password", "access_token", "storage_key")
COMPONENTS: Final = click.Choice([one.value for one in Component])


def _variable(context: click.Context, parameter: click.Parameter, word: str | None) -> str | None:
    del context, parameter
    if word is not None and not word.startswith(VARIABLE_MARK):
        raise click.BadParameter("name a variable that holds it, as env:NAME")
    return word


def _secret(name: str, help_text: str) -> Callable[[Command], Command]:
    return click.option(name, metavar="env:NAME", callback=_variable, help=help_text)


_OPTIONS: Final = (
    _secret("--password", "Password of the database's role, where the URL has none."),
    _secret("--access-token", "Token of the Management API of Supabase."),
    _secret("--storage-key", "Key that reads Storage: the service role's or a secret API key."),
    click.option(
        "--storage-access",
        type=click.Choice([one.value for one in StorageAccess]),
        help="By which door the files of Storage are read.",
    ),
    click.option(
        "--component",
        "components",
        multiple=True,
        type=COMPONENTS,
        help="What a backup takes that names nothing; repeatable. Without it: everything.",
    ),
    click.option(
        "--optional",
        multiple=True,
        type=COMPONENTS,
        help="What may be missing from a backup when it cannot be taken; repeatable.",
    ),
    click.option(
        "--short-lived-auth/--no-short-lived-auth",
        default=None,
        help="Also take tables of schema auth that live for minutes, and its log.",
    ),
    click.option(
        "--when-object-gone",
        type=click.Choice([one.value for one in WhenObjectGone]),
        help="What a file means that vanished while it was backed up.",
    ),
)

role_sql_option: Callable[[Command], Command] = click.option(
    "--print-role-sql",
    is_flag=True,
    help=f"Use the role {READER} with a new password; print the SQL that makes it, once.",
)


def platform_options(command: Command) -> Command:
    """Give a command the options of Supabase projects."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def platform_fields(invocation: Invocation, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the options name; what was not given is None."""
    return {
        **{name: _held(invocation, options[name]) for name in SECRETS},
        "storage_access": options["storage_access"],
        "components": options["components"] or None,
        "optional": options["optional"] or None,
        "short_lived_auth": options["short_lived_auth"],
        "when_object_gone": options["when_object_gone"],
    }


def source_fields(
    kind: ProjectKind, source: str, options: Mapping[str, Any]
) -> tuple[dict[str, Any], str | None]:
    """Return the fields that say where a project is, and the SQL of the role they name, if any."""
    is_role_wanted = bool(options["print_role_sql"])
    if kind is ProjectKind.POSTGRESQL:
        if is_role_wanted:
            raise click.UsageError("--print-role-sql goes with --kind supabase")
        return {"url": source}, None
    is_ref = re.fullmatch(REF, source) is not None
    where: dict[str, Any] = {"kind": kind.value, "ref" if is_ref else "url": source}
    if not is_role_wanted:
        return where, None
    if not is_ref or options["password"]:
        raise click.UsageError("--print-role-sql goes with the reference alone, without --password")
    password = new_secret()
    return where | {"user": READER, "password": password}, supabase_reader_sql(password)


def _held(invocation: Invocation, word: str | None) -> str | None:
    return None if word is None else invocation.source_url(word)
