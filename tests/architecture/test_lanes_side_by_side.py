"""Promises of `make test`: the rehearsal runs beside the tests, speaks after them, and counts."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.servers import ROOT

PYTHON = """#!/bin/sh
case "$2" in
tests.rehearsal)
    echo $$ >"$HOME/rehearsal.pid"
    [ -z "$LASTS" ] || exec sleep 60
    until [ -e "$HOME/tested" ]; do sleep 0.01; done
    echo "words of the rehearsal"
    exit "$REHEARSAL" ;;
pytest)
    echo "$TMPDIR" >"$HOME/place"
    until [ -e "$HOME/rehearsal.pid" ]; do sleep 0.01; done
    echo "words of the tests"
    [ -z "$LASTS" ] || kill -TERM $PPID
    touch "$HOME/tested"
    exit "$TESTS" ;;
esac
"""
"""Ends neither without the other having begun, so that one after the other would hang."""


@dataclass(frozen=True)
class Lanes:
    """A checkout whose programs only say that they were called."""

    root: Path

    def run(self, **said: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "tests/run-lanes"],
            cwd=self.root,
            env={
                "HOME": str(self.root),
                "PATH": f"{self.root / 'bin'}:{os.defpath}",
                "LASTS": "",
                "REHEARSAL": "0",
                "TESTS": "0",
                **said,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def place(self) -> Path:
        """Where the tests were told to keep their files."""
        return Path((self.root / "place").read_text().strip())

    @property
    def is_rehearsing(self) -> bool:
        with suppress(ProcessLookupError):
            os.kill(int((self.root / "rehearsal.pid").read_text()), 0)
            return True
        return False


@pytest.fixture
def lanes(tmp_path: Path) -> Lanes:
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "run-lanes", tmp_path / "tests")
    (tmp_path / "bin").mkdir()
    # not root, so that nothing is installed and no image is built
    for name, text in (("python", PYTHON), ("id", "#!/bin/sh\necho 1000\n")):
        program = tmp_path / "bin" / name
        program.write_text(text)
        program.chmod(0o755)
    return Lanes(tmp_path)


def test_the_rehearsal_runs_beside_the_tests_and_speaks_behind_them(lanes: Lanes) -> None:
    done = lanes.run()

    assert done.returncode == 0, done.stderr
    assert done.stdout.index("words of the tests") < done.stdout.index("words of the rehearsal")


@pytest.mark.parametrize(
    ("tests", "rehearsal", "code"),
    [("0", "1", 1), ("1", "0", 1), ("1", "2", 1), ("0", "2", 0), ("0", "4", 1)],
)
def test_what_failed_on_either_side_fails_all(
    lanes: Lanes, tests: str, rehearsal: str, code: int
) -> None:
    assert lanes.run(TESTS=tests, REHEARSAL=rehearsal).returncode == code


def test_what_was_left_out_of_the_rehearsal_is_said(lanes: Lanes) -> None:
    done = lanes.run(REHEARSAL="2")

    assert "LEFT OUT: (part of) the rehearsal" in done.stdout


def test_a_run_that_is_ended_takes_its_rehearsal_along(lanes: Lanes) -> None:
    done = lanes.run(LASTS="yes")

    assert done.returncode == 143
    assert not lanes.is_rehearsing


def test_what_the_tests_keep_in_memory_goes_with_them(lanes: Lanes) -> None:
    lanes.run()

    if lanes.place.parent != Path("/dev/shm"):
        pytest.skip("NOT TESTED: there is too little memory to keep files in")
    assert not lanes.place.exists()


def test_a_place_that_is_named_is_where_tests_keep_their_files(lanes: Lanes) -> None:
    named = lanes.root / "named"
    named.mkdir()

    lanes.run(TMPDIR=str(named))

    assert lanes.place == named
    assert named.exists()
