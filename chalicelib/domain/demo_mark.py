"""The mark on a service whose records were made to show it, so that nobody takes them for real."""

from __future__ import annotations

from typing import ClassVar, Final

from chalicelib.domain.record import Moment, Record

DEMO: Final = "demo"


class DemoMark(Record):
    """Say that everything here is a demo's; there is one, under the id DEMO."""

    kind: ClassVar[str] = "demo-mark"

    made_at: Moment
