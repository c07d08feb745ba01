"""Plots as markup: whole numbers of shapes, words beside them, XML that can be read."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from chalicelib.dashboard import plots
from chalicelib.dashboard.days import DAYS, Day, days_of
from chalicelib.dashboard.formatting import size
from tests.support.rollups import TODAY, ran, stats_of

Draw = Callable[[tuple[Day, ...]], Markup]


def stored(days: tuple[Day, ...]) -> plots.Series:
    return plots.Series(
        "Stored", days, lambda day: float(day.tally.backup_stored_bytes), lambda n: size(int(n))
    )


def took(days: tuple[Day, ...]) -> plots.Series:
    return plots.Series("Took", days, lambda day: day.mean_duration_s, lambda n: f"{n} s")


ALL: dict[str, Draw] = {
    "calendar": plots.calendar,
    "bars": lambda days: plots.bars(stored(days)),
    "line": lambda days: plots.line(took(days)),
    "strip": plots.strip,
}
DAYS_RUN = days_of(
    [
        stats_of(
            {
                0: ran(2, backup_stored_bytes=500, backup_duration_s=4),
                1: ran(1, 1, backup_stored_bytes=2000, backup_duration_s=3),
                9: ran(0, 1),
            }
        )
    ],
    TODAY,
)


def _shapes(drawn: Markup, tag: str) -> list[ET.Element]:
    # made by us just now
    return list(ET.fromstring(drawn).iter(tag))  # noqa: S314 - our own markup, no foreign XML


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("days", [DAYS_RUN, days_of([], TODAY)], ids=["run", "nothing"])
def test_a_plot_is_well_formed_and_names_itself(name: str, days: tuple[Day, ...]) -> None:
    (root, *_) = _shapes(ALL[name](days), "svg")

    assert root.get("role") == "img"
    assert "35 days" in str(root.get("aria-label"))
    assert "style" not in root.attrib


def test_each_day_with_a_value_has_a_bar_as_high_as_it() -> None:
    bars = _shapes(ALL["bars"](DAYS_RUN), "rect")

    heights = [float(str(bar.get("height"))) for bar in bars]
    assert len(heights) == 2
    assert heights[0] == pytest.approx(4 * heights[1], rel=0.01)


def test_a_line_leaves_out_days_without_a_value() -> None:
    drawn = ALL["line"](DAYS_RUN)

    assert len(_shapes(drawn, "circle")) == 2
    (path,) = _shapes(drawn, "polyline")
    assert len(str(path.get("points")).split()) == 2


def test_the_calendar_tells_failures_by_more_than_colour() -> None:
    texts = [text.text for text in _shapes(ALL["calendar"](DAYS_RUN), "text")]

    assert {"2", "2!", "1✕"} <= set(texts)


def test_the_calendar_has_every_day_with_its_words() -> None:
    titles = [title.text for title in _shapes(ALL["calendar"](DAYS_RUN), "title")]

    assert len(titles) == DAYS
    assert titles[-1] == "Mon 23 Nov: 2 completed"
    assert titles[-2] == "Sun 22 Nov: 1 completed, 1 failed"


def test_a_strip_is_short_enough_for_a_page_of_them() -> None:
    assert len(ALL["strip"](DAYS_RUN)) < 1200


def test_a_series_is_said_in_one_sentence() -> None:
    assert stored(DAYS_RUN).told == (
        "Stored, the last 35 days: latest 500 B, most 2.0 kB on 22 Nov."
    )
    assert stored(days_of([], TODAY)).told == "Stored: nothing in the last 35 days."


@given(st.dictionaries(st.integers(0, 34), st.integers(0, 10**15), max_size=35))
def test_no_shape_ever_leaves_its_plot(values: dict[int, int]) -> None:
    tallies = {ago: ran(1, backup_stored_bytes=value) for ago, value in values.items()}

    for bar in _shapes(ALL["bars"](days_of([stats_of(tallies)], TODAY)), "rect"):
        top, height = float(str(bar.get("y"))), float(str(bar.get("height")))
        left, width = float(str(bar.get("x"))), float(str(bar.get("width")))
        assert top >= 0
        assert top + height <= plots.HEIGHT
        assert 0 <= left <= left + width <= plots.WIDTH + 0.1
