"""Put the figures of a run into the README, between two markers."""

from __future__ import annotations

from typing import Final

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"


def with_figures(text: str, figures: str) -> str:
    """Return the text with all between the markers replaced; ValueError when one is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the README lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n{figures.strip()}\n{END}{after}"
