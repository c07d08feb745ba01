"""The entry point: commands that are loaded when they are called, and how every failure ends.

A failure is a sentence and a hint on stderr; with --json it is one JSON object on stdout. The exit
code says which kind it was (see `exit_codes`).
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any, Final

import click

from chalicelib.cli.exit_codes import EXIT_CODES, FAILED, WRONG_USAGE
from chalicelib.cli.interruption import Interruption, interrupted
from chalicelib.cli.invocation import Invocation, examples
from chalicelib.domain.errors import HoldfastError, Internal, InvalidRequest
from chalicelib.settings import process_environment

# name: the first sentence of its help, so that `holdfast --help` loads no command
COMMANDS: Final = {
    "dump": "Dump a database into a file, and read the file back before it appears.",
    "check": "Read a dump in full and compare it with its signed manifest.",
    "prove": "Restore a dump into a scratch server and compare everything in it.",
    "contents": "List schemas, objects and sizes of a dump, without reading its rows.",
    "rows": "Show the first rows of one table of a dump, without restoring it.",
    "restore": "Restore a dump file, or a backup of the service, into a database.",
    "up": "Run the service on this machine: API, workers and housekeeping.",
    "demo": "Back up, download and restore a sample database, and compare every row.",
    "doctor": "Look whether this machine has what backups need.",
    "projects": "Say which databases are backed up.",
    "backups": "Make, watch, verify, download and delete backups.",
    "schedules": "Let backups be made by themselves, at their time.",
    "restores": "Watch and cancel restores; `holdfast restore` makes them.",
    "retention": "Show what retention would remove, and say when backups are right.",
    "keys": "Make, list and revoke API keys.",
    "gate": "Run COMMAND only behind a verified backup of its database.",
    "channels": "Say where notices go: webhooks, chat, e-mail, pagers.",
    "audit": "See who did what.",
    "stats": "Show how backups went, project by project.",
}


class LazyGroup(click.Group):
    """List commands from a table, and import a command's module only to run it or explain it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"chalicelib.cli.{cmd_name}")
        command = getattr(module, cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, without importing anything."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "export DATABASE_URL=postgresql://user:password@host/database",
        "holdfast dump env:DATABASE_URL -o database.dump",
    ),
)
@click.version_option(package_name="holdfast", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Print where an unexpected error happened.")
def holdfast(*, debug: bool) -> None:
    """Back up PostgreSQL, and prove every backup by reading it back.

    Start with `holdfast demo`, or dump one database without any service. Exit codes: 0 done,
    1 failed, 2 wrong usage, 3 refused by a check, 130 interrupted.
    """
    # read again by `run`, which is outside of click when things go wrong
    del debug


def main() -> None:
    """Run the command line of this process and exit with its code."""
    # a file's name need not be text: then it is shown escaped, which in JSON is right as well
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(_flushed(run(sys.argv[1:], process_environment())))


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one command line and return its exit code; failures are told to the user here."""
    interruption = Interruption()
    try:
        with interruption.listening():
            return _invoke(arguments, Invocation(environment, interruption))
    except HoldfastError as error:
        return _fail(error, _ours(arguments))
    except (KeyboardInterrupt, click.Abort):
        return _fail(interrupted(), _ours(arguments))
    except click.ClickException as error:
        return _wrong_usage(error, _ours(arguments))
    except BrokenPipeError:
        # whoever read our output has gone; nobody is left to be told
        sys.stderr.close()
        return 1
    except Exception as error:  # noqa: BLE001 - the process entry point: nothing may escape untold
        if "--debug" in _ours(arguments):
            _print_frames(error)
        return _fail(_unexpected(error), _ours(arguments))


def _ours(arguments: Sequence[str]) -> Sequence[str]:
    """Return the words that are not those of a command which `gate` runs."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        # the interpreter would try again, and exit with a code of its own
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or FAILED
    return code


def _invoke(arguments: Sequence[str], invocation: Invocation) -> int:
    result: Any = holdfast.main(
        args=list(arguments), prog_name="holdfast", standalone_mode=False, obj=invocation
    )
    return result if isinstance(result, int) else 0


def _fail(error: HoldfastError, arguments: Sequence[str]) -> int:
    told = f"error: {error.message}\nhint: {error.hint}"
    if "--json" in arguments:
        document = json.dumps({"error": error.info.model_dump()}, ensure_ascii=False)
        try:
            click.echo(document)
        except OSError:  # stdout itself may be what failed
            click.echo(told, err=True)
    else:
        click.echo(told, err=True)
    return EXIT_CODES[error.code]


def _wrong_usage(error: click.ClickException, arguments: Sequence[str]) -> int:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "holdfast"
    message = error.format_message().rstrip(".")
    sentence = message[:1].lower() + message[1:]
    _fail(InvalidRequest(sentence, hint=f"See {path} --help."), arguments)
    return WRONG_USAGE


def _print_frames(error: Exception) -> None:
    # where it happened, but never the text of a foreign error: it may hold a URL and its password
    click.echo("".join(traceback.format_tb(error.__traceback__)) + type(error).__name__, err=True)


def _unexpected(error: Exception) -> Internal:
    return Internal(
        f"an unexpected {type(error).__name__} ended the command",
        hint="Run it again with `holdfast --debug …` and report the frames it prints.",
    )


if __name__ == "__main__":
    main()
