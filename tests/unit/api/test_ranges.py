from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidRequest
from chalicelib.local.objects import Span, parse_range

SIZES = st.integers(0, 300)
BOUNDS = st.integers(0, 400)


@given(SIZES, BOUNDS, BOUNDS)
def test_a_closed_range_is_what_slicing_gives(size: int, first: int, length: int) -> None:
    whole = bytes(i % 256 for i in range(size))
    header = f"bytes={first}-{first + length}"

    span = asked(header, size)

    expected = whole[first : first + length + 1]
    assert (whole[span.start : span.end] if span else b"") == expected


@given(SIZES, BOUNDS)
def test_a_suffix_is_what_slicing_gives(size: int, length: int) -> None:
    whole = bytes(i % 256 for i in range(size))

    span = asked(f"bytes=-{length}", size)

    expected = whole[-length:] if length else b""
    assert (whole[span.start : span.end] if span else b"") == expected


@given(st.text(), SIZES)
def test_whatever_is_sent_stays_inside(header: str, size: int) -> None:
    span = asked(header, size)

    assert span is None or 0 <= span.start < span.end <= size


def asked(header: str, size: int) -> Span | None:
    """Return the span, None for all and for what lies outside."""
    try:
        return parse_range(header, size)
    except InvalidRequest:
        return None
