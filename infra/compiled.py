"""Put bytecode into the zip, of the modules that every cold start loads and of no others.

A function's folder cannot be written to, so that Python would compile them anew at each cold start,
which takes as long as loading them. All modules would make the zip too large.
"""

from __future__ import annotations

import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from infra.packager import PackagingError

TASK: Final = "/var/task"
"""Where Lambda unpacks the zip: what tracebacks name."""
LIST_LOADED: Final = "import sys, app; print('\\n'.join(sys.modules))"
TIMEOUT_S: Final = 120


def with_bytecode(archive: Path, python: Path, source: Path) -> None:
    """Add bytecode of what `import app` loads, made by the Python that will read it."""
    names = _said(python, ["-B", "-c", LIST_LOADED], source).split()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(archive, "a") as packed:
        unpacked = Path(folder)
        for name in places(names, packed.namelist()):
            packed.extract(name, unpacked)
        # never compared with the source's time, which unpacking sets as it likes
        compiling = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
        _said(python, [*compiling, "-s", folder, "-p", TASK, folder], source)
        for path in sorted(unpacked.rglob("*.pyc")):
            # without the time of day, so that the same sources make the same zip
            entry = zipfile.ZipInfo(str(path.relative_to(unpacked)))
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def places(modules: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return where these modules lie in a zip; those that are no source of its own are left out."""
    there = set(names)
    stems = [module.replace(".", "/") for module in modules]
    wanted = {ending for stem in stems for ending in (f"{stem}.py", f"{stem}/__init__.py")}
    return sorted(wanted & there)


def _said(python: Path, arguments: Sequence[str], folder: Path) -> str:
    try:
        run = subprocess.run(
            [python, *arguments],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.SubprocessError as error:
        raise PackagingError("the modules of the zip cannot be loaded and compiled") from error
    return run.stdout
