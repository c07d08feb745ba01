"""Tell when a failure is the worker's own lack of files, memory, processes or threads.

The same lack shows wherever the next thing is asked for: a program that does not start, a
connection that cannot be made, a folder that takes no file. Each would be blamed on the thing that
was asked for last, and somebody would mend what is whole.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Final

from chalicelib.domain.errors import HoldfastError, ScratchTooSmall, WorkerExhausted

LACKS: Final = {
    errno.EMFILE: "open files",
    errno.ENFILE: "open files",
    errno.ENOMEM: "memory",
}
"""What the system is short of, by its answer."""

NO_THREAD: Final = "can't start new thread"
"""CPython's words; it has no error of its own for this."""


def lack_of(error: BaseException) -> str | None:
    """Say what the worker was short of, if that is what failed here or before, on the way out."""
    return next((lack for one in _chain(error) if (lack := _own_lack(one))), None)


def exhausted(doing: str, error: BaseException, *, forking: bool = False) -> WorkerExhausted | None:
    """Return the failure to raise where the worker ran short of something, else None.

    Only of a call that forks, EAGAIN is a lack (of processes, fork(2)); of others it means busy.
    """
    has_no_process = forking and isinstance(error, BlockingIOError)
    lack = "processes" if has_no_process else lack_of(error)
    return WorkerExhausted(f"{doing}: the worker has no more {lack}") if lack else None


def scratch_failure(doing: str, error: OSError) -> HoldfastError:
    """Return what to raise when the scratch space did not take something."""
    return exhausted(doing, error) or ScratchTooSmall(f"{doing}: {error.strerror}")


def _own_lack(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, RuntimeError) and NO_THREAD in str(error):
        return "threads"
    return LACKS.get(error.errno or 0) if isinstance(error, OSError) else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
