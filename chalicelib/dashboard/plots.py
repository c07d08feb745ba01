"""Plots as inline SVG, made on the server: colours come from the style sheet, words from here.

Every plot names itself to a screen reader in one sentence; the figures stand in a table beside it.
Numbers and dates are ours, so that nothing that people write comes into a plot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from chalicelib.dashboard.days import Day, Outcome, weeks_of

WIDTH: Final = 350
HEIGHT: Final = 120
_TOP: Final = 18
_BASE: Final = HEIGHT - 20
_CELL: Final = 50
_ROW: Final = 44
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MARKS: Final = {Outcome.MIXED: "!", Outcome.FAILED: "\N{MULTIPLICATION X}"}
"""Colour alone would tell nothing to whoever does not see it."""

_SVG: Final = Markup('<svg class="plot {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
_TEXT: Final = Markup('<text x="{}" y="{}" class="{}">{}</text>')


@dataclass(frozen=True)
class Series:
    """Hold one value a day, None where there is none, and how a value is written."""

    name: str
    days: Sequence[Day]
    value: Callable[[Day], float | None]
    written: Callable[[float], str]

    @property
    def values(self) -> list[float | None]:
        """The values, oldest first."""
        return [self.value(day) for day in self.days]

    @property
    def top(self) -> float:
        """The largest value; never 0, so that there is always a scale."""
        return max((one for one in self.values if one), default=0.0) or 1.0

    @property
    def told(self) -> str:
        """The series in one sentence."""
        known = [(day, one) for day, one in zip(self.days, self.values, strict=True) if one]
        if not known:
            return f"{self.name}: nothing in the last {len(self.days)} days."
        most = max(known, key=lambda pair: pair[1])
        return (
            f"{self.name}, the last {len(self.days)} days: latest {self.written(known[-1][1])},"
            f" most {self.written(most[1])} on {most[0].date:%d %b}."
        )


def calendar(days: Sequence[Day]) -> Markup:
    """Draw the runs as weeks of seven days, each with how many ran and how they went."""
    weeks = weeks_of(days)
    names = (
        _TEXT.format(column * _CELL + _CELL // 2, 11, "axis mid", name)
        for column, name in enumerate(_WEEKDAYS)
    )
    cells = (
        _calendar_cell(day, column * _CELL, 18 + row * _ROW)
        for row, week in enumerate(weeks)
        for column, day in enumerate(week)
        if day is not None
    )
    return _SVG.format(
        "calendar", WIDTH, 18 + len(weeks) * _ROW, _calendar_told(days), _joined([*names, *cells])
    )


def bars(series: Series) -> Markup:
    """Draw a bar a day."""
    step = WIDTH / max(len(series.days), 1)
    shapes = []
    for index, (day, value) in enumerate(zip(series.days, series.values, strict=True)):
        if value:
            # never so low that a day with something looks like one without
            height = max(_scaled(value, series.top), 1.5)
            shapes.append(
                Markup(
                    '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
                    "<title>{}: {}</title></rect>"
                ).format(
                    index * step + 1,
                    _BASE - height,
                    step - 2,
                    height,
                    f"{day.date:%d %b}",
                    series.written(value),
                )
            )
    return _plot("bars", series, shapes)


def line(series: Series) -> Markup:
    """Draw a line through the days that have a value, with a dot on each."""
    step = WIDTH / max(len(series.days), 1)
    points = [
        (index * step + step / 2, _BASE - _scaled(value, series.top), day, value)
        for index, (day, value) in enumerate(zip(series.days, series.values, strict=True))
        if value is not None
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in points)
    dots = (
        Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5"><title>{}: {}</title></circle>').format(
            x, y, f"{day.date:%d %b}", series.written(value)
        )
        for x, y, day, value in points
    )
    drawn = Markup('<polyline points="{}"/>').format(path)
    return _plot("line", series, [drawn, *dots])


def strip(days: Sequence[Day]) -> Markup:
    """Draw a small square a day: one path for each outcome, for a page shows many strips."""
    size, step = 8, WIDTH / max(len(days), 1)
    paths = []
    for outcome in Outcome:
        places = (index for index, day in enumerate(days) if day.outcome is outcome)
        drawn = "".join(f"M{place * step:.0f} 0h{size}v{size * 2}h-{size}z" for place in places)
        if drawn:
            paths.append(Markup('<path class="{}" d="{}"/>').format(outcome.value, drawn))
    return _SVG.format("strip", WIDTH, size * 2, _calendar_told(days), _joined(paths))


def _plot(kind: str, series: Series, shapes: Iterable[Markup]) -> Markup:
    first, last = series.days[0].date, series.days[-1].date
    axes = [
        Markup('<path class="axis-line" d="M0 {0}h{1}M0 {2}h{1}"/>').format(_BASE, WIDTH, _TOP),
        _TEXT.format(0, _TOP - 5, "axis", series.written(series.top)),
        _TEXT.format(0, HEIGHT - 5, "axis", f"{first:%d %b}"),
        _TEXT.format(WIDTH, HEIGHT - 5, "axis end", f"{last:%d %b}"),
    ]
    return _SVG.format(kind, WIDTH, HEIGHT, series.told, _joined([*axes, *shapes]))


def _calendar_cell(day: Day, left: int, top: int) -> Markup:
    runs = day.tally.backups_completed + day.tally.backups_failed
    mark = _MARKS.get(day.outcome, "")
    count = _TEXT.format(left + _CELL // 2, top + 31, "count mid", f"{runs}{mark}" if runs else "")
    return Markup(
        '<g class="{}"><title>{}: {}</title>'
        '<rect x="{}" y="{}" width="{}" height="{}" rx="4"/>{}{}</g>'
    ).format(
        day.outcome.value,
        f"{day.date:%a %d %b}",
        day.told,
        left + 2,
        top,
        _CELL - 4,
        _ROW - 4,
        _TEXT.format(left + 6, top + 12, "axis", f"{day.date.day}"),
        count,
    )


def _calendar_told(days: Sequence[Day]) -> str:
    failed = [day for day in days if day.outcome in {Outcome.MIXED, Outcome.FAILED}]
    good = sum(1 for day in days if day.outcome is Outcome.WELL)
    told = f"Runs of the last {len(days)} days: on {good} days all went well"
    if not failed:
        return f"{told}, on none did one fail."
    return f"{told}, on {len(failed)} one failed, last on {failed[-1].date:%d %b}."


def _scaled(value: float, top: float) -> float:
    return value / top * (_BASE - _TOP)


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)
