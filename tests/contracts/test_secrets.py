"""What every store of secrets promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import NotFound
from chalicelib.ports import Secrets

Race = Callable[..., list[str]]

PUT_TEN = """
for number in range(10):
    made.put(f"{me}/{number}", f"value {me} {number}")
print("put")
"""


def test_a_secret_is_read_back(secrets: Secrets) -> None:
    secrets.put("projects/p1/password", "s3cret")

    assert secrets.get("projects/p1/password") == "s3cret"


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text(min_size=1, max_size=60), value=st.text(max_size=200))
def test_any_text_is_read_back(secrets: Secrets, name: str, value: str) -> None:
    secrets.put(name, value)

    assert secrets.get(name) == value


@pytest.mark.parametrize("value", ["", "\x00", "\ud800", "x" * 50_000, "a\r\nb"])
def test_hostile_values_are_read_back(secrets: Secrets, value: str) -> None:
    secrets.put("name", value)

    assert secrets.get("name") == value


def test_a_secret_is_replaced(secrets: Secrets) -> None:
    secrets.put("name", "old")

    secrets.put("name", "new")

    assert secrets.get("name") == "new"


def test_a_missing_secret_is_not_found(secrets: Secrets) -> None:
    secrets.put("name", "value")

    with pytest.raises(NotFound):
        secrets.get("Name")


def test_no_secret_was_ever_put_is_not_found(secrets: Secrets) -> None:
    with pytest.raises(NotFound):
        secrets.get("name")


def test_a_deleted_secret_is_gone_and_the_others_stay(secrets: Secrets) -> None:
    secrets.put("one", "1")
    secrets.put("two", "2")

    secrets.delete("one")

    assert secrets.get("two") == "2"
    with pytest.raises(NotFound):
        secrets.get("one")


def test_deleting_a_missing_secret_is_fine(secrets: Secrets) -> None:
    secrets.delete("name")
    secrets.put("one", "1")

    secrets.delete("name")

    assert secrets.get("one") == "1"


def test_no_put_of_several_processes_is_lost(
    secrets: Secrets, secrets_source: str, race: Race
) -> None:
    answers = race(secrets_source, PUT_TEN, count=3)

    read = [secrets.get(f"{me}/{number}") for me in range(3) for number in range(10)]
    assert answers == ["put"] * 3
    assert read == [f"value {me} {number}" for me in range(3) for number in range(10)]
