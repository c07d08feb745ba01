"""The objects of an attempt that will not be finished: away with them, until none is left."""

from __future__ import annotations

from typing import Final

from chalicelib.domain.errors import StorageFailed
from chalicelib.ports import ObjectStore

ROUNDS: Final = 5
"""A part that was in flight may land after its upload was aborted; a few rounds catch it."""


def clear(store: ObjectStore, prefix: str) -> None:
    """Abort every upload and delete every object below a prefix; list again until it is empty."""
    for _ in range(ROUNDS):
        uploads = list(store.uploads(prefix))
        keys = list(store.keys(prefix))
        if not uploads and not keys:
            return
        for upload in uploads:
            store.abort(upload)
        for key in keys:
            store.delete(key)
    raise StorageFailed("objects of an ended attempt cannot be removed")
