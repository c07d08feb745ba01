"""What counts as the worker's own lack, and what is said of it."""

from __future__ import annotations

import errno
import os

import pytest

from chalicelib.domain.errors import ScratchTooSmall, WorkerExhausted
from chalicelib.domain.exhaustion import NO_THREAD, exhausted, lack_of, scratch_failure


def failed(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        (failed(errno.EMFILE), "open files"),
        (failed(errno.ENFILE), "open files"),
        (failed(errno.ENOMEM), "memory"),
        (MemoryError(), "memory"),
        (RuntimeError(NO_THREAD), "threads"),
        (failed(errno.ENOSPC), None),
        (failed(errno.EAGAIN), None),
        (OSError("without a number"), None),
        (RuntimeError("dictionary changed size during iteration"), None),
        (ValueError("Too many open files"), None),
    ],
    ids=repr,
)
def test_a_lack_is_told_from_every_other_failure(error: Exception, lack: str | None) -> None:
    assert lack_of(error) == lack


def test_a_lack_that_broke_the_way_out_too_is_still_the_cause() -> None:
    try:
        try:
            raise failed(errno.EMFILE)
        finally:
            raise RuntimeError("the clean-up found no pipe")
    except RuntimeError as error:
        found = exhausted("the run was cut short", error)

    assert found is not None
    assert found.message == "the run was cut short: the worker has no more open files"


def test_what_is_no_lack_is_somebody_elses_to_name() -> None:
    assert exhausted("it failed", failed(errno.EACCES)) is None


@pytest.mark.parametrize(("forking", "lack"), [(True, "processes"), (False, None)])
def test_try_again_is_a_lack_only_of_what_forks(*, forking: bool, lack: str | None) -> None:
    found = exhausted("pg_dump could not be started", failed(errno.EAGAIN), forking=forking)

    assert (found.message if found else None) == (
        lack and f"pg_dump could not be started: the worker has no more {lack}"
    )


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.EMFILE, WorkerExhausted),
        (errno.ENOSPC, ScratchTooSmall),
        (errno.EIO, ScratchTooSmall),
    ],
)
def test_scratch_is_blamed_for_what_scratch_refused_only(
    number: int, error: type[Exception]
) -> None:
    assert type(scratch_failure("scratch takes no file", failed(number))) is error
