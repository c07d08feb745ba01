"""A worker that runs out of files says so, in the record and in the log, whatever else breaks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from chalicelib.domain.errors import HoldfastError
from chalicelib.worker.__main__ import outcome
from tests.support.servers import ROOT

FEW_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))
"""


class Broken:
    """A runner that breaks with one error, and keeps what it is told to record."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.recorded: list[str] = []

    def run(self, work_id: str) -> None:
        raise self._error

    def fail(self, work_id: str, error: HoldfastError) -> None:
        self.recorded.append(error.code)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "worker_exhausted"),
        (MemoryError(), "worker_exhausted"),
        (ValueError("anything"), "internal"),
    ],
    ids=repr,
)
def test_the_record_tells_a_lack_from_a_bug(error: Exception, code: str) -> None:
    runner = Broken(error)

    exit_code = outcome(runner, "B1")

    assert (exit_code, runner.recorded) == (1, [code])


def ended(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_program_that_finds_no_free_file_is_not_called_broken() -> None:
    found = ended(f"""
from pathlib import Path
from chalicelib.engine.clients import probe
{FEW_FILES}
try:
    probe(Path("/usr/bin"))
except Exception as error:
    print(type(error).__name__, error.message)
""")

    said = "WorkerExhausted pg_dump could not be started: the worker has no more open files\n"
    assert (found.stdout, found.stderr) == (said, "")


def test_without_files_for_a_log_the_words_of_an_error_stay_unsaid() -> None:
    found = ended("""
import resource
from chalicelib.worker.__main__ import outcome
class Runner:
    def run(self, work_id): raise ValueError("canary-7d1f")
    def fail(self, work_id, error): pass
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
raise SystemExit(outcome(Runner(), "B1"))
""")

    assert (found.returncode, found.stderr) == (1, "B1: the run broke with ValueError\n")
