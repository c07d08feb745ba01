"""Package the API as `make package` does, for the processor of this machine, to be run here.

The zip is Chalice's own; a bootstrap is added to it, as the stand-in for Lambda's Python runtime.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from infra.package import build
from infra.packager import (
    PACKAGE_TIMEOUT_S,
    Interpreter,
    NoEnvironmentError,
    environment_of,
)
from infra.template import CODE, Template
from tests.support.packaging import ARCHITECTURE, base_python, packaging_python
from tests.support.servers import ROOT

STAGE: Final = "dev"
RUNTIME_CLIENT: Final = "awslambdaric"
EXECUTABLE: Final = 0o755 << 16
CREDENTIALS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Nobody may set these of a function: they are its role's. Ours come under other names."""
AS_ROLE: Final = "\n".join(
    [*(f'export {name}="$ROLE_{name}"' for name in CREDENTIALS), "unset AWS_SESSION_TOKEN"]
)


@dataclass(frozen=True)
class Package:
    """Hold what is deployed: the template, the zip, and the Python that runs it."""

    template: Template
    code: bytes
    interpreter: Interpreter


def package_for_here(out: Path) -> Package:
    """Return the package of these sources; skip aloud where packages cannot be fetched."""
    interpreter = packaging_python()
    try:
        problems = build(interpreter, out, STAGE, ARCHITECTURE)
    except NoEnvironmentError as error:
        # a package that Chalice cannot make is a failure
        pytest.skip(f"NOT REHEARSED: no environment to package in: {error}")
    if problems:
        pytest.fail("\n".join(problems))
    template = json.loads((out / "template.json").read_text())
    return Package(template, (out / CODE).read_bytes(), interpreter)


def runtime_of(package: Package, work: Path) -> Path:
    """Return a folder with Lambda's runtime client for the Python of the package, and no more."""
    requirement = f"{RUNTIME_CLIENT}=={importlib.metadata.version(RUNTIME_CLIENT)}"
    folder = work / f"runtime-{requirement}-{'.'.join(map(str, package.interpreter.version))}"
    if not folder.is_dir():
        programs = environment_of(package.interpreter, ROOT, ROOT / ".package")
        fresh = folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", requirement]
        _fetch([*pip, "--target", str(fresh)])
        fresh.rename(folder)
    return folder


def _fetch(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=PACKAGE_TIMEOUT_S)
    except subprocess.SubprocessError as error:
        pytest.skip(f"NOT REHEARSED: {RUNTIME_CLIENT} cannot be installed ({error})")


def function_code(package: Package, runtime: Path) -> bytes:
    """Return the zip with a bootstrap: the zip's own modules and the runtime client, no others."""
    start = f'export PYTHONPATH="$LAMBDA_TASK_ROOT:{runtime}"'
    command = f'exec {base_python(package.interpreter)} -S -m {RUNTIME_CLIENT} "$_HANDLER"'
    return with_bootstrap(package.code, [AS_ROLE, start, command])


def worker_code(folder: Path) -> bytes:
    """Return the worker: this checkout behind the runtime client; it leaves its pid in `folder`."""
    here = [f": >{folder}/$$", f"cd {ROOT}", "unset PYTHONPATH"]
    command = f'exec {sys.executable} -m {RUNTIME_CLIENT} "$_HANDLER"'
    return with_bootstrap(None, [AS_ROLE, *here, command])


def with_bootstrap(code: bytes | None, lines: list[str]) -> bytes:
    """Return a zip with a program that starts the function; what was in it stays as it was."""
    held = io.BytesIO(code or b"")
    with zipfile.ZipFile(held, "a") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = EXECUTABLE
        archive.writestr(entry, "\n".join(["#!/bin/sh", *lines, ""]))
    return held.getvalue()
