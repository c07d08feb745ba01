"""Statuses of the server's parser, and the problems that callers see."""

from __future__ import annotations

import pytest

from chalicelib.local.refusals import refusal


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (400, "invalid_request", "not HTTP"),
        (413, "invalid_request", "larger than 65536 bytes"),
        (431, "invalid_request", "head of the request is too large"),
        (500, "internal", "something happened"),
        (501, "internal", "something happened"),
    ],
)
def test_a_refusal_keeps_the_status_and_says_why(status: int, code: str, says: str) -> None:
    problem = refusal(status)

    assert (problem.status, problem.code) == (status, code)
    assert says in problem.detail
