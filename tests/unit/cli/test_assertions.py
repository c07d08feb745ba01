"""Assertions are read from files that can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from chalicelib.cli.assertions import as_fields, assertion_option
from chalicelib.domain.proof import Assertion


@click.command()
@assertion_option
def _told(assertions: tuple[Assertion, ...] | None) -> None:
    click.echo(repr(as_fields(assertions)))


def _run(*words: str) -> Any:
    return CliRunner().invoke(_told, [f"--assertion={word}" for word in words])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a=b.sql"
    path.write_text("\n SELECT true\n")
    return path


def test_a_file_becomes_an_assertion(file: Path) -> None:
    done = _run(f"some name={file}")

    assert "'name': 'some name', 'sql': 'SELECT true'" in done.output


def test_none_is_nothing() -> None:
    assert _run().output == "None\n"


@pytest.mark.parametrize("word", ["a", "a=", "=x.sql", "a=missing.sql", "a=."])
def test_what_is_no_name_and_file_is_wrong_usage(file: Path, word: str) -> None:
    done = _run(word)

    assert done.exit_code == 2
    assert "--assertion" in done.output


def test_a_name_counts_once(file: Path) -> None:
    assert _run(f"a={file}", f"a={file}").exit_code == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "at least 1"), (b"x" * 10_001, "at most 10000"), (b"\xff", "UTF-8"), (b"\0", "match")],
)
def test_a_file_that_holds_no_statement_is_wrong_usage(
    file: Path, content: bytes, said: str
) -> None:
    file.write_bytes(content)

    done = _run(f"a={file}")

    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_there_are_at_most_fifty(file: Path) -> None:
    assert _run(*(f"a{n}={file}" for n in range(51))).exit_code == 2
