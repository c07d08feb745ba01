"""What every command gets: the environment, the signals, and the options all commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from chalicelib.cli.interruption import Interruption
from chalicelib.domain.connection import Connection, parse_url
from chalicelib.domain.errors import InvalidRequest
from chalicelib.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

VARIABLE_MARK: Final = "env:"


@dataclass
class Invocation:
    """Carry what surrounds one call of the command line."""

    environment: Mapping[str, str] = field(repr=False)
    interruption: Interruption

    def settings(self, data: Path | None = None) -> Settings:
        """Read the settings; `data` replaces the folder that the environment names."""
        settings = Settings.read(self.environment)
        return settings if data is None else settings.model_copy(update={"data": data})

    def connection(self, source: str) -> Connection:
        """Return what a SOURCE argument leads to: a URL, or env:NAME of a variable that holds it.

        Raises InvalidRequest, whose message never repeats a URL.
        """
        return parse_url(self.source_url(source))

    def source_url(self, source: str) -> str:
        """Return the URL behind a SOURCE argument."""
        if not source.startswith(VARIABLE_MARK):
            return source
        name = source.removeprefix(VARIABLE_MARK)
        url = self.environment.get(name)
        if not url:
            raise InvalidRequest(
                f"the environment variable {name} is not set",
                hint="Set it to the database's URL, or give the URL itself.",
                field="source",
            )
        return url


pass_invocation = click.make_pass_decorator(Invocation)

json_option: Callable[[Command], Command] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else."
)
data_option: Callable[[Command], Command] = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the embedded service: records, objects and keys."
    " Without it: HOLDFAST_DATA, else ./holdfast-data.",
)

key_option: Callable[[Command], Command] = click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the key that signed the manifest. Without it: the data folder's.",
)


def examples(*lines: str) -> str:
    """Return the part of a command's help that shows how it is called."""
    # the mark \b keeps click from joining the lines
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
