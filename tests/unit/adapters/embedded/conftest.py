"""Crashes at chosen points, and a disk that is full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Crash = Callable[[str, int], bool]

# Python announces every call that changes names in a folder before it happens; the child counts
# those and kills itself at the chosen one. sqlite3 works below Python and announces nothing.
_CHILD = """
import os, signal, sys
from pathlib import Path
folder, left = Path(sys.argv[1]), int(sys.argv[2])
{body}
EVENTS = {{"open", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.rename"}}
def count(event, arguments):
    global left
    if event in EVENTS and str(folder) in str(arguments[0]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
run()
"""


@pytest.fixture
def crash(tmp_path: Path) -> Crash:
    """Run `run()` of a body in a child that dies at step n; tell whether it did die."""

    def crashed(body: str, step: int) -> bool:
        program = _CHILD.format(body=body)
        child = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path), str(step)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert child.returncode in {0, -signal.SIGKILL}, child.stderr
        return child.returncode != 0

    return crashed


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 1 MiB; only root can."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root: the full disk is NOT tested here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
