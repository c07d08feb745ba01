"""Go through a whole list, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from chalicelib.domain.record import Query, Record
from chalicelib.ports import Catalog

R = TypeVar("R", bound=Record)


def every(catalog: Catalog, query: Query[R]) -> Iterator[R]:
    """Yield every record of a list, newest first; `limit` is how many are read at a time.

    What is stored meanwhile is not in it, as it would be newer than where the list began.
    """
    while True:
        page = catalog.find(query)
        yield from page.items
        if page.next_before_id is None:
            return
        query = replace(query, before_id=page.next_before_id)
