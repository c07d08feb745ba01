"""The shape of a page: which elements it has, in which order, with which attributes."""

from __future__ import annotations

from html.parser import HTMLParser

Shape = list[tuple[str, tuple[str, ...]]]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.shape: Shape = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action"}]


def shape_of(page: str) -> Shape:
    """Return the elements of a page; what people wrote must not change them."""
    return _read(page).shape


def links_of(page: str) -> list[str]:
    """Return all that a page leads to or loads."""
    return _read(page).links


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader
