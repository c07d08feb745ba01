"""Promises of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.domain.errors import InvalidRequest
from chalicelib.settings import Settings


def test_nothing_needs_to_be_set() -> None:
    assert Settings.read({}) == Settings()


def test_variables_are_read_by_their_names() -> None:
    settings = Settings.read(
        {"HOLDFAST_DATA": "/d", "HOLDFAST_WORKERS": "5", "HOLDFAST_CLIENT_DIRS": "/a:/b", "X": "1"}
    )

    assert (settings.data, settings.workers) == (Path("/d"), 5)
    assert settings.client_dirs == (Path("/a"), Path("/b"))


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.read({"HOLDFAST_WORKERS": ""}).workers == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "0"),
        ("WORKERS", "many"),
        ("LOCK_TIMEOUT_S", "-1"),
        ("CLIENT_FLOOR", "ignore"),
        ("HOST_GUARD", "maybe"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest, match=f"HOLDFAST_{name}"):
        Settings.read({f"HOLDFAST_{name}": value})


def test_another_process_reads_the_same_settings() -> None:
    settings = Settings(data=Path("/d"), client_dirs=(Path("/a"), Path("/b")), workers=3)

    assert Settings.read(settings.to_environment()) == settings


def test_a_key_never_shows_and_is_never_handed_on() -> None:
    settings = Settings.read({"HOLDFAST_API_KEY": "canary-11"})

    assert "canary-11" not in repr(settings) + str(settings.to_environment())


@pytest.mark.parametrize(
    ("variables", "guards"),
    [
        ({}, False),
        ({"HOLDFAST_HOST_GUARD": "on"}, True),
        ({"HOLDFAST_TABLE": "holdfast"}, True),
        ({"HOLDFAST_TABLE": "holdfast", "HOLDFAST_HOST_GUARD": "off"}, False),
    ],
)
def test_hosts_are_guarded_on_aws_unless_it_is_said_otherwise(
    variables: dict[str, str], *, guards: bool
) -> None:
    assert Settings.read(variables).guards_hosts is guards
