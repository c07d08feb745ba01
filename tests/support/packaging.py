"""Which Python and which processor packages are made for when they are tried on this machine."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

from infra.packager import Interpreter, PackagingError, candidates, lambda_python

ARCHITECTURE: Final = {"aarch64": "arm64"}.get(platform.machine(), "x86_64")
PLACES: Final = "/usr/local/bin:/usr/bin"


def packaging_python() -> Interpreter:
    """Return Lambda's Python where there is one, else the one at hand."""
    try:
        return lambda_python(candidates(None, Path.home(), PLACES))
    except PackagingError:
        return Interpreter(Path(sys.executable), (sys.version_info[0], sys.version_info[1]))


def base_python(interpreter: Interpreter) -> str:
    """Return the interpreter itself, behind shims and virtual environments."""
    code = "import sys; print(sys._base_executable)"
    run = subprocess.run([interpreter.path, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()
