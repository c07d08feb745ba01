"""Run Chalice's packaging under the Python that the functions will run under.

Chalice makes the interpreter that packages the runtime of the functions, so it must be Lambda's.
It reads requirements.txt, imports app.py and zips whatever lies in chalicelib: so it gets a copy of
the tree without caches, and an environment with what app.py imports and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LAMBDA_PYTHON: Final = (3, 13)
ARCHITECTURES: Final = ("x86_64", "arm64")
"""Of functions, image and tasks alike; the first is taken where none is named."""
CHALICE: Final = "chalice==1.34.0"
COPIED: Final = ("app.py", "requirements.txt", "chalicelib", ".chalice")
PACKAGE_TIMEOUT_S: Final = 300
DEFAULT_REGION: Final = "eu-central-1"
"""Chalice wants a region and writes it nowhere; the template names none."""


class PackagingError(Exception):
    """Say in a sentence why there is no package."""


class NoEnvironmentError(PackagingError):
    """Say why there is nothing to package in: as a rule, packages cannot be fetched."""


@dataclass(frozen=True)
class Interpreter:
    """Name a Python and its version."""

    path: Path
    version: tuple[int, int]

    @property
    def is_lambdas(self) -> bool:
        """Whether what it packages may be deployed."""
        return self.version == LAMBDA_PYTHON


def lambda_python(candidates: list[Path]) -> Interpreter:
    """Return the first candidate that is Lambda's Python; PackagingError when none is."""
    for path in candidates:
        found = probed(path)
        if found is not None and found.is_lambdas:
            return found
    wanted = ".".join(map(str, LAMBDA_PYTHON))
    raise PackagingError(
        f"packaging needs Python {wanted}, because Chalice takes the packaging Python for the"
        f" functions' runtime; install it and run make package PACKAGE_PYTHON=/…/python{wanted}"
        " (make package-check judges the template with the Python at hand)"
    )


def candidates(named: str | None, home: Path, search_path: str) -> list[Path]:
    """Return where Lambda's Python may be: the one that was named, or the usual places."""
    if named:
        return [Path(named)]
    program = "python{}.{}".format(*LAMBDA_PYTHON)
    pyenv = home / ".pyenv" / "versions"
    uv = home / ".local" / "share" / "uv" / "python"
    homes = [*sorted(pyenv.glob("*"), reverse=True), *sorted(uv.glob("*"), reverse=True)]
    on_path = [Path(folder) / program for folder in search_path.split(os.pathsep) if folder]
    return [
        path for path in [*on_path, *(home / "bin" / program for home in homes)] if path.exists()
    ]


def probed(path: Path) -> Interpreter | None:
    """Ask a program for its version; None when it is no Python that runs."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        run = subprocess.run(
            [path, "-c", code], capture_output=True, text=True, timeout=30, check=True
        )
        major, minor = map(int, run.stdout.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return Interpreter(path, (major, minor))


def environment_of(interpreter: Interpreter, root: Path, work: Path) -> Path:
    """Return where the programs of an environment to package in are; made when it changed.

    NoEnvironmentError when it cannot be made.
    """
    requirements = (root / "requirements.txt").read_bytes()
    digest = hashlib.sha256(requirements + CHALICE.encode()).hexdigest()[:16]
    home = work / "venv-{}.{}-{}".format(*interpreter.version, digest)
    stamp = home / ".complete"
    if not stamp.exists():
        shutil.rmtree(home, ignore_errors=True)
        try:
            _furnish(interpreter, home, root / "requirements.txt")
        except PackagingError as error:
            raise NoEnvironmentError(str(error)) from error
        stamp.touch()
    return home / "bin"


def _furnish(interpreter: Interpreter, home: Path, requirements: Path) -> None:
    _run([str(interpreter.path), "-m", "venv", str(home)])
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    _run([*pip, "--disable-pip-version-check", "-r", str(requirements)])
    _run([*pip, "--disable-pip-version-check", CHALICE])


def copied(root: Path, work: Path) -> Path:
    """Copy what Chalice reads, without caches; wheels it has fetched before stay."""
    source = work / "source"
    source.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        origin, target = root / name, source / name
        if origin.is_file():
            shutil.copyfile(origin, target)
            continue
        kept = ("deployments", "deployed")
        for old in target.iterdir() if target.is_dir() else ():
            if old.name not in kept:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc", *kept)
        shutil.copytree(origin, target, dirs_exist_ok=True, ignore=ignored)
    return source


def made_for(source: Path, architecture: str) -> Path:
    """Have Chalice fetch the wheels of an architecture, which need not be this machine's."""
    config = source / ".chalice" / "config.json"
    whole = json.loads(config.read_text()) | {"lambda_architecture": architecture}
    config.write_text(json.dumps(whole, indent=2) + "\n")
    return source


def packaged(programs: Path, source: Path, template: Path, stage: str) -> Path:
    """Run `chalice package`; return the folder with sam.yaml and deployment.zip."""
    out = source / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [
        str(programs / "chalice"), "package", "--stage", stage,
        "--merge-template", str(template), "--template-format", "yaml", str(out),
    ]  # fmt: skip
    _run(command, cwd=source)
    return out


def _run(command: list[str], cwd: Path | None = None) -> None:
    # nothing of this shell's own Python may reach the other one
    alone = {"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1", "AWS_DEFAULT_REGION": DEFAULT_REGION}
    inherited = {name: os.environ[name] for name in KEPT if name in os.environ}  # noqa: TID251 - programs of others are told where they are by it
    try:
        subprocess.run(
            command,
            cwd=cwd,
            env=inherited | alone,
            check=True,
            capture_output=True,
            text=True,
            timeout=PACKAGE_TIMEOUT_S,
        )
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stdout + error.stderr)
        raise PackagingError(f"{Path(command[0]).name} failed, see above") from error
    except subprocess.TimeoutExpired as error:
        raise PackagingError(f"{Path(command[0]).name} took over {PACKAGE_TIMEOUT_S} s") from error


KEPT: Final = (
    "PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY",
    "NO_PROXY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_FIND_LINKS",
    "PIP_CONFIG_FILE", "PIP_CERT", "UV_INDEX_URL",
)  # fmt: skip
"""What pip and Chalice may know of this shell: where things are, and no credentials."""
