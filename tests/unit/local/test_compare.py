"""The comparison of two descriptions, without any database."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.local.comparison import Contents, Difference, Facts, compare

SOME = Facts(3, "abc")
OTHER = Facts(3, "xyz")
FEWER = Facts(2, "abc")

_facts = st.builds(Facts, st.integers(0, 9), st.text(max_size=3))
_named = st.dictionaries(st.text(min_size=1, max_size=5), _facts, max_size=4)
_contents = st.builds(Contents, st.just(18), _named, _named, _named, _facts)


def _contents_of(
    *,
    major: int = 18,
    tables: dict[str, Facts] | None = None,
    sequences: dict[str, Facts] | None = None,
    kinds: dict[str, Facts] | None = None,
    large_objects: Facts = SOME,
) -> Contents:
    return Contents(
        server_major=major,
        tables={"public.t": SOME} if tables is None else tables,
        sequences={"public.s": SOME} if sequences is None else sequences,
        kinds={"indexes": SOME} if kinds is None else kinds,
        large_objects=large_objects,
    )


def _different(source: Contents, restored: Contents) -> list[str]:
    return [d.what for d in compare(source, restored) if not d.equal]


@given(one=_contents)
def test_everything_equals_itself_and_is_listed(one: Contents) -> None:
    lines = compare(one, one)

    assert all(line.equal for line in lines)
    assert len(lines) == len(one.tables) + len(one.sequences) + len(one.kinds) + 1


@given(one=_contents, other=_contents)
def test_who_is_called_the_source_does_not_matter(one: Contents, other: Contents) -> None:
    assert set(_different(one, other)) == set(_different(other, one))


@given(one=_contents, other=_contents)
def test_nothing_is_equal_unless_all_is(one: Contents, other: Contents) -> None:
    assert (_different(one, other) == []) == (one == other)


def test_a_table_that_was_not_restored_is_missing() -> None:
    lines = compare(_contents_of(), _contents_of(tables={}))

    assert lines[0] == Difference("table public.t", SOME, None)
    assert not lines[0].equal


def test_a_table_that_the_source_does_not_have_is_told_too() -> None:
    restored = _contents_of(tables={"public.t": SOME, "public.extra": SOME})

    assert _different(_contents_of(), restored) == ["table public.extra"]


def test_a_changed_row_differs_though_the_counts_are_equal() -> None:
    restored = _contents_of(tables={"public.t": OTHER})

    assert _different(_contents_of(), restored) == ["table public.t"]


def test_large_objects_are_compared() -> None:
    assert _different(_contents_of(), _contents_of(large_objects=OTHER)) == ["large objects"]


def test_other_majors_may_write_a_definition_in_another_way() -> None:
    restored = _contents_of(major=15, kinds={"indexes": OTHER})

    assert _different(_contents_of(), restored) == []


def test_between_majors_a_missing_object_still_shows() -> None:
    restored = _contents_of(major=15, kinds={"indexes": FEWER})

    assert _different(_contents_of(), restored) == ["all indexes"]


def test_between_majors_rows_and_sequences_are_compared_exactly() -> None:
    restored = _contents_of(major=15, tables={"public.t": OTHER}, sequences={"public.s": OTHER})

    assert _different(_contents_of(), restored) == ["table public.t", "sequence public.s"]
