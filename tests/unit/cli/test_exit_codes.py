from __future__ import annotations

from chalicelib.cli.exit_codes import EXIT_CODES
from chalicelib.domain.errors import CODES


def test_every_error_has_an_exit_code_and_no_other_has() -> None:
    assert EXIT_CODES.keys() == set(CODES)


def test_a_failure_never_exits_as_done() -> None:
    assert 0 not in EXIT_CODES.values()
