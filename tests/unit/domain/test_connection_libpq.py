"""Promise: what we read in a URL is what libpq reads in it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.connection import parse_url
from chalicelib.domain.errors import InvalidRequest
from tests.soak.hosts import HOSTS, NAMES, PORTS, WORDS, compare, disagreement, our_fields
from tests.support.libpq import Libpq, libraries

SEEDED_CASES = 1500

ELSEWHERE = (
    "postgresql://u@a.example@b.example/d",
    "postgresql://a.example?user=u@b.example",
    "postgresql://a.example?password=x@b.example:1",
    "postgresql://a.example\t.b.example/d",
    "postgresql://a.exa\nmple/d",
    " postgresql://a.example/d",
    "postgresql://[%3A%3A1/d",
    "postgresql://[::1]b.example/d",
    "postgresql://a.example/d?port=5_432",
    "postgresql://a.example/d?port=%D9%A5",
    "postgresql://a.example/d?%68ost=b.example",
    "postgresql://a.example/d?host=",
    "postgresql://a.example/d?dbname=a=b",
    "postgresql://a.example/d?host=b.example",
    "postgresql://a.example,b.example/?host=c.example",
    "postgresql://a.example/%zz",
    "postgresql://a.example/%ff",
    "postgresql://u:%00@a.example/d",
    "POSTGRESQL://a.example/d",
)
PLAIN = (
    "postgresql://u:p@a.example:6000/d?sslmode=verify-full",
    "postgresql://u:p+q@a.example/d+e?application_name=x",
    "postgresql://u:p:q[r]@a.example/d",
    "postgresql://u:@a.example:/d?",
    "postgresql://a.example//d@e",
    "postgresql://[%3A%3A1]/d?password=a+b",
    "postgresql:///d?host=%2Ftmp&port=05432",
    "postgres:///d?host=b.example&user=me@home",
)

PIECE = st.sampled_from([*HOSTS, *NAMES, *PORTS, *WORDS, *"@:/?&=#,[]%+"]) | st.text(max_size=3)


def test_libpq_is_at_hand() -> None:
    assert libraries()


@pytest.fixture(params=range(len(libraries())), ids=lambda n: str(libraries()[n].version))
def libpq(request: pytest.FixtureRequest) -> Libpq:
    return libraries()[int(request.param)]


@pytest.mark.parametrize("url", ELSEWHERE, ids=ascii)
def test_a_url_that_libpq_reads_differently_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_url(url)


@pytest.mark.parametrize("url", PLAIN)
def test_a_plain_url_is_read_as_libpq_reads_it(url: str, libpq: Libpq) -> None:
    ours = our_fields(url)

    assert ours is not None
    assert disagreement(url, ours, libpq) is None


def test_another_reading_is_told(libpq: Libpq) -> None:
    url = "postgresql://u@a.example/d"
    ours = {**(our_fields(url) or {}), "host": "b.example"}

    assert "a.example" in str(disagreement(url, ours, libpq))


@given(st.lists(PIECE, max_size=14))
@example(["u@", "a.example", "@", "b.example"])
def test_whatever_is_accepted_libpq_reads_alike(pieces: list[str]) -> None:
    url = "postgresql://" + "".join(pieces)

    told = [disagreement(url, our_fields(url), libpq) for libpq in libraries()]

    assert told == [None] * len(libraries())


def test_random_urls_are_read_as_libpq_reads_them() -> None:
    report = compare(SEEDED_CASES, seed=7)

    assert report.disagreements == ()
    assert report.accepted > SEEDED_CASES // 20
