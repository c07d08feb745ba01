"""Servers that tests install once into .tools and run for one test process."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from chalicelib.adapters.embedded.file_lock import locked

ROOT: Final = Path(__file__).parents[2]
TOOLS: Final = ROOT / ".tools"
INSTALL_TIMEOUT_S: Final = 600

# The server dies with the process that tests, also when that one is killed.
_TIED = """
import os, sys
from chalicelib.adapters.embedded.processes import die_with_parent
die_with_parent(int(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])
"""


def installed(name: str, requirement: str) -> Path:
    """Return the folder of a tool's programs; skip aloud when it cannot be installed.

    The requirement is a line as pip's requirement files have it, so that it may name a hash.
    """
    home, stamp = TOOLS / name, TOOLS / name / f".{requirement.partition(' ')[0]}"
    TOOLS.mkdir(exist_ok=True)
    with locked(TOOLS / f"{name}.lock", timeout_s=INSTALL_TIMEOUT_S):
        if not stamp.exists():
            shutil.rmtree(home, ignore_errors=True)
            _install(home, requirement)
            stamp.touch()
    return home / "bin"


def tied(command: Sequence[str], parent: int) -> list[str]:
    """Return a command whose process dies when its parent does."""
    return [sys.executable, "-c", _TIED, str(parent), *command]


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as held:
        listeners = [
            held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [int(listener.getsockname()[1]) for listener in listeners]


def _install(home: Path, requirement: str) -> None:
    wanted = home.with_suffix(".requirement")
    wanted.write_text(f"{requirement}\n")
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", str(wanted)]
    try:
        for command in ([sys.executable, "-m", "venv", str(home)], pip):
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S
            )
    except subprocess.SubprocessError as error:
        pytest.skip(f"NOT TESTED: {requirement} cannot be installed ({error})")
