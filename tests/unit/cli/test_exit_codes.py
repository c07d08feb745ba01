from __future__ import annotations

import pytest

from chalicelib.cli.exit_codes import EXIT_CODES
from chalicelib.domain.errors import CODES


def test_every_error_has_an_exit_code_and_no_other_has() -> None:
    assert EXIT_CODES.keys() == set(CODES)


def test_a_failure_never_exits_as_done() -> None:
    assert 0 not in EXIT_CODES.values()


@pytest.mark.parametrize(
    ("code", "errors"),
    [
        (2, {"invalid_request", "unsupported"}),
        (3, {"integrity_failed", "not_verified"}),
        (130, {"cancelled"}),
    ],
)
def test_only_these_have_an_exit_code_of_their_own(code: int, errors: set[str]) -> None:
    assert {name for name, exit_code in EXIT_CODES.items() if exit_code == code} == errors


def test_every_other_failure_exits_with_1() -> None:
    assert set(EXIT_CODES.values()) == {1, 2, 3, 130}
