"""What filters of lists share: fields that may be left empty, and days as moments."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from chalicelib.api.requests.fields import EPOCH

_ISO_DAY: Final = "YYYY-MM-DD"


def _iso_day(value: object) -> object:
    # pydantic would also read a number as seconds since the epoch
    if isinstance(value, str) and len(value) != len(_ISO_DAY):
        raise ValueError("should be a day, as 2026-01-31")
    return value


# a filter form sends its empty choices too, and they must not be refused
Nothing = Annotated[str, Field(max_length=0)]
Day = Annotated[
    date, BeforeValidator(_iso_day), Field(ge=EPOCH.date(), le=date(9000, 1, 1), strict=False)
]


def begin_of(day: date | str | None, zone: tzinfo) -> datetime | None:
    """Return when a day begins by the clock of a zone; None where no day was named."""
    return datetime.combine(day, time(), zone) if isinstance(day, date) else None


def end_of(day: date | str | None, zone: tzinfo) -> datetime | None:
    """Return when a day is over: the day that is named is still within."""
    return begin_of(day + timedelta(days=1), zone) if isinstance(day, date) else None
