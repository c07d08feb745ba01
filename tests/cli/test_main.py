from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chalicelib.cli.main import COMMANDS, holdfast


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example_or_its_commands(name: str) -> None:
    shown = CliRunner().invoke(holdfast, [name, "--help"])

    assert shown.exit_code == 0
    assert f"holdfast {name}" in shown.output or "Commands:" in shown.output


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_of_the_table_is_the_command_s_own(name: str) -> None:
    command = holdfast.get_command(None, name)  # type: ignore[arg-type] # no context is needed

    assert command is not None
    assert COMMANDS[name] == (command.help or "").split("\n\n")[0].replace("\n", " ")


def test_help_loads_no_command_and_no_engine() -> None:
    code = (
        "import sys; from chalicelib.cli.main import run; run(['--help'], {});"
        "print([m for m in ('psycopg', 'httpx', 'chalice', 'rich', 'sqlite3')"
        " if m in sys.modules], file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr == "[]\n"


@pytest.mark.parametrize("arguments", [("nonsense",), ("--nonsense",), ("dump", "--nonsense")])
def test_unknown_words_are_wrong_usage(terminal: Any, arguments: tuple[str, ...]) -> None:
    done = terminal.run(*arguments)

    assert done.code == 2
    assert done.err.startswith("error: no such ")
    assert "\nhint: See holdfast" in done.err


def _told(terminal: Any, stdout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with stdout.open("w") as out:
        return subprocess.run(
            [sys.executable, "-m", "chalicelib.cli.main", *arguments],
            env=terminal.environment,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )


def test_an_unexpected_error_hides_its_text_unless_asked(terminal: Any) -> None:
    # a full disk behind stdout is nothing a command foresees
    quiet = _told(terminal, Path("/dev/full"), "keys", "list", "--json")
    told = _told(terminal, Path("/dev/full"), "--debug", "doctor")

    assert (quiet.returncode, told.returncode) == (1, 1)
    assert quiet.stderr.startswith("error: an unexpected OSError")
    assert "print_list" in told.stderr


def test_a_reader_that_has_gone_is_no_crash(terminal: Any) -> None:
    process = terminal.start("doctor")

    process.stdout.close()
    errors = process.stderr.read()

    assert process.wait() == 1
    assert "Traceback" not in errors


def test_a_name_that_is_no_text_is_shown_escaped(terminal: Any) -> None:
    name = os.fsdecode(b"caf\xe9.sql")

    done = terminal.run("check", name, "--json")

    assert done.code == 2
    assert done.json["error"]["message"] == f"{name} is not a file"
