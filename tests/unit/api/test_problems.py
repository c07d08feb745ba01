from __future__ import annotations

from http import HTTPStatus

import pytest

from chalicelib.api.problems import STATUS, problem_of, problem_response
from chalicelib.domain.errors import CODES, HoldfastError, InvalidRequest, all_errors


def test_every_code_has_a_status_and_nothing_else_has() -> None:
    assert set(STATUS) == set(CODES)


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_becomes_a_problem(kind: type[HoldfastError]) -> None:
    problem = problem_of(kind("it went wrong"))

    assert 400 <= HTTPStatus(problem.status) < 600
    assert (problem.detail, problem.code) == ("it went wrong", kind.code)
    assert problem.hint.endswith(".")


def test_a_field_of_the_error_is_named() -> None:
    problem = problem_of(InvalidRequest("no such day", field="day"))

    assert problem.errors is not None
    assert [(e.field, e.message) for e in problem.errors] == [("day", "no such day")]


def test_only_401_asks_for_a_key() -> None:
    asking = [
        kind
        for kind in all_errors()
        if "WWW-Authenticate" in problem_response(problem_of(kind("x"))).headers
    ]

    assert {kind.code for kind in asking} == {"unauthenticated"}
