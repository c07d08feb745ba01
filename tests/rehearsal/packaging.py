"""Package the API as `make package` does, for the processor of this machine, to be run here.

The zip is Chalice's own; a bootstrap is added to it, as the stand-in for Lambda's Python runtime.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import platform
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from infra.package import modules, zip_problems
from infra.packager import (
    CHALICE,
    PACKAGE_TIMEOUT_S,
    Interpreter,
    PackagingError,
    candidates,
    copied,
    environment_of,
    lambda_python,
    made_for,
    packaged,
)
from infra.template import CODE, Template, finished, loaded, only_for
from tests.support.servers import ROOT

STAGE: Final = "dev"
RUNTIME_CLIENT: Final = "awslambdaric"
ARCHITECTURES: Final = {"x86_64": "x86_64", "aarch64": "arm64"}
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


def package_for_here(work: Path) -> Package:
    """Make the package, unless there is one of the same sources; skip aloud without an index."""
    interpreter = _interpreter()
    made = work / f"made-{_digest(interpreter)}"
    if not made.is_dir():
        for older in work.glob("made-*"):
            shutil.rmtree(older)
        _make(interpreter, work, made)
    template = json.loads((made / "template.json").read_text())
    return Package(template, (made / CODE).read_bytes(), interpreter)


def _programs(interpreter: Interpreter) -> Path:
    try:
        return environment_of(interpreter, ROOT, ROOT / ".package")
    except PackagingError as error:
        # where packages cannot be fetched; a package that Chalice cannot make is a failure
        pytest.skip(f"NOT REHEARSED: no environment to package in: {error}")


def _make(interpreter: Interpreter, work: Path, made: Path) -> None:
    programs = _programs(interpreter)
    architecture = ARCHITECTURES[platform.machine()]
    source = made_for(copied(ROOT, work), architecture)
    out = packaged(programs, source, ROOT / "infra" / "resources.yaml", STAGE)
    problems = zip_problems(out / CODE, modules(ROOT))
    if problems:
        pytest.fail("\n".join(problems))
    whole = only_for(finished(loaded(out / "sam.yaml"), ROOT / "infra"), architecture)
    (out / "template.json").write_text(json.dumps(whole))
    out.rename(made)


def _interpreter() -> Interpreter:
    try:
        return lambda_python(candidates(None, Path.home(), "/usr/local/bin:/usr/bin"))
    except PackagingError:
        return Interpreter(Path(sys.executable), (sys.version_info[0], sys.version_info[1]))


def _digest(interpreter: Interpreter) -> str:
    seen = hashlib.sha256(f"{CHALICE} {interpreter.version}".encode())
    folders = (ROOT / "chalicelib", ROOT / ".chalice", ROOT / "infra")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    for path in sorted([ROOT / "app.py", ROOT / "requirements.txt", *files]):
        if path.suffix not in {".pyc", ".md"} and "deployments" not in path.parts:
            seen.update(f"{path.relative_to(ROOT)} ".encode() + path.read_bytes())
    return seen.hexdigest()[:16]


def runtime_of(package: Package, work: Path) -> Path:
    """Return a folder with Lambda's runtime client for the Python of the package, and no more."""
    requirement = f"{RUNTIME_CLIENT}=={importlib.metadata.version(RUNTIME_CLIENT)}"
    folder = work / f"runtime-{requirement}-{'.'.join(map(str, package.interpreter.version))}"
    if not folder.is_dir():
        programs = _programs(package.interpreter)
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


def base_python(package: Package) -> str:
    """Return the interpreter itself, behind shims and virtual environments."""
    code = "import sys; print(sys._base_executable)"
    run = subprocess.run(
        [package.interpreter.path, "-c", code], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def function_code(package: Package, runtime: Path) -> bytes:
    """Return the zip with a bootstrap: the zip's own modules and the runtime client, no others."""
    start = f'export PYTHONPATH="$LAMBDA_TASK_ROOT:{runtime}"'
    command = f'exec {base_python(package)} -S -m {RUNTIME_CLIENT} "$_HANDLER"'
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
