"""Promises of the README: what it tells people to type exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from chalicelib.api.routes import ALL
from chalicelib.cli.exit_codes import EXIT_CODES
from chalicelib.cli.main import COMMANDS, LazyGroup, holdfast
from chalicelib.domain.errors import CODES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    """Return every holdfast command line of the README's code blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.partition("   #")[0].strip() for block in blocks for line in _whole_lines(block)]
    return [line for line in lines if line.startswith("holdfast ")]


def _whole_lines(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


def parsed(
    command: click.Command, arguments: list[str], name: str, parent: click.Context | None = None
) -> None:
    """Parse as click would, down to the last subcommand, without running anything."""
    with command.make_context(name, list(arguments), parent=parent) as context:
        if isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]  # noqa: SLF001 - click has no other way
            below = command.get_command(context, rest[0])
            assert below is not None
            parsed(below, rest[1:], rest[0], context)


@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_readme_can_be_typed(line: str) -> None:
    typed = re.sub(r"[A-Z]+_ID", "01JD0000000000000000000000", line)

    # the real group: a command keeps what its first parent says of -h
    parsed(holdfast, shlex.split(typed)[1:], "holdfast")


def test_the_readme_shows_commands() -> None:
    assert len(commands()) > 5


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench"])
def test_every_make_target_of_the_readme_exists(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\$HOLDFAST_URL(/[\w/.]+)", README))))
def test_every_route_of_the_readme_exists(path: str) -> None:
    assert path in {route.path for route in ALL}


def test_exit_codes_are_total_over_the_errors() -> None:
    assert set(EXIT_CODES) == set(CODES)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    group = LazyGroup("holdfast")
    command = group.get_command(click.Context(group), name)

    assert command is not None
    assert command.help
