from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.cli.interruption import Interruption
from chalicelib.cli.invocation import Invocation
from chalicelib.domain.errors import InvalidRequest


def _invocation(**environment: str) -> Invocation:
    return Invocation(environment, Interruption())


def test_a_source_may_stand_in_a_variable() -> None:
    connection = _invocation(SHOP="postgresql://u:p@h:1/d").connection("env:SHOP")

    assert (connection.endpoint.host, connection.password) == ("h", "p")


@pytest.mark.parametrize("environment", [{}, {"SHOP": ""}])
def test_a_missing_variable_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="variable SHOP is not set"):
        _invocation(**environment).connection("env:SHOP")


def test_a_wrong_url_is_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as caught:
        _invocation().connection("postgresql://u:secret@h/d#x")

    assert "secret" not in caught.value.message + caught.value.hint


def test_the_data_option_wins_over_the_environment() -> None:
    invocation = _invocation(HOLDFAST_DATA="/from/environment")

    assert invocation.settings(Path("/given")).data == Path("/given")
    assert invocation.settings().data == Path("/from/environment")


def test_nothing_of_the_environment_shows_in_its_text() -> None:
    assert "secret" not in repr(_invocation(HOLDFAST_API_KEY="secret"))
