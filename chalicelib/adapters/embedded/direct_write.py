"""Write large pieces past the page cache, where system, file, memory and place allow it.

A dump is written once and read much later, if ever. Bringing it through the cache costs a copy,
pushes out what the database beside us wants to keep there, and, measured on a small virtual
machine, holds a stream up for 2 ms per MB while the host finds the memory.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ALIGNMENT: Final = 4096  # no file system in use asks for more (open(2), O_DIRECT)

_REFUSALS: Final = {errno.EINVAL, errno.EOPNOTSUPP}
"""How a file system says that it cannot, or not with this memory or this offset."""


def write_direct(descriptor: int, data: bytes | memoryview, offset: int) -> int:
    """Write as much of the beginning as can go past the cache; return how many bytes that was.

    Zero is an ordinary answer. Raises OSError as any write does, for a full disk among others.
    """
    whole = len(data) - len(data) % ALIGNMENT
    if whole == 0 or offset % ALIGNMENT or not hasattr(os, "O_DIRECT"):
        return 0
    written = 0
    with memoryview(data) as view:
        try:
            with _past_the_cache(descriptor):
                while written < whole and written % ALIGNMENT == 0:
                    written += os.pwrite(descriptor, view[written:whole], offset + written)
        except OSError as error:
            if error.errno not in _REFUSALS:
                raise
    return written


@contextmanager
def _past_the_cache(descriptor: int) -> Iterator[None]:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
    try:
        yield
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)
