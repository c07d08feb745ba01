"""The option that takes assertions from files: what must hold in every restored copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from pydantic import ValidationError

from chalicelib.domain.proof import MAX_ASSERTIONS, Assertion

Command = TypeVar("Command", bound=Callable[..., Any])

MAX_SQL_BYTES: Final = 40_000
"""What an assertion's 10,000 letters take at the most; a longer file is not read to its end."""


def _assertions(
    context: click.Context, parameter: click.Parameter, words: tuple[str, ...]
) -> tuple[Assertion, ...] | None:
    del context, parameter
    found: dict[str, Assertion] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or not path or name in found:
            raise click.BadParameter(f"{word!r} is not NAME=FILE, each name once")
        found[name] = _assertion(name, Path(path))
    if len(found) > MAX_ASSERTIONS:
        raise click.BadParameter(f"there are at most {MAX_ASSERTIONS} assertions")
    return tuple(found.values()) or None


def _assertion(name: str, path: Path) -> Assertion:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_SQL_BYTES + 1).decode().strip()
        return Assertion(name=name, sql=text)
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{path} is not text in UTF-8") from error
    except ValidationError as error:
        said = error.errors()[0]["msg"].lower()
        raise click.BadParameter(f"{path} is no assertion {name!r}: {said}") from error


assertion_option: Callable[[Command], Command] = click.option(
    "--assertion",
    "assertions",
    metavar="NAME=FILE",
    multiple=True,
    callback=_assertions,
    help="SQL that must give one row with the value true in every restored copy; repeatable.",
)


def as_fields(assertions: tuple[Assertion, ...] | None) -> list[dict[str, object]] | None:
    """Return assertions as a request has them; None when none were given."""
    return None if assertions is None else [one.model_dump(mode="json") for one in assertions]
