"""Promises of the shape: what importing loads, what is generated, what is documented."""

from __future__ import annotations

import ast
import runpy
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from chalicelib import __version__
from chalicelib.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
ADAPTERS = ("chalicelib.adapters.aws", "chalicelib.adapters.embedded")
HEAVY = ("boto3", "botocore", "psycopg", "cryptography", "sqlite3", "aws_xray_sdk", "zstandard")


WORKERS = ("adapters", "bootstrap", "domain", "engine", "services", "supabase", "worker")
"""The packages that a worker loads, if only when a run asks for them."""


def project() -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return loaded


def modules_after(statement: str, environment: dict[str, str] | None = None) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


def test_importing_the_app_loads_neither_engine_nor_adapters() -> None:
    loaded = modules_after("import app")

    assert not loaded & set(HEAVY)
    assert not [name for name in loaded if name.startswith("chalicelib.engine")]
    assert not [name for name in loaded if name.startswith(ADAPTERS)]


def test_importing_the_app_needs_no_environment() -> None:
    assert "chalicelib" in modules_after("import app", environment={})


def test_app_py_stays_small() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) < 60


def test_requirements_txt_is_current() -> None:
    made = runpy.run_path(str(ROOT / "infra" / "requirements.py"))

    assert made["is_current"]()


def test_lambda_needs_nothing_the_project_does_not() -> None:
    assert set(project()["optional-dependencies"]["lambda"]) <= set(project()["dependencies"])


def test_every_dependency_is_pinned() -> None:
    extras = project()["optional-dependencies"].values()

    named = [*project()["dependencies"], *(name for extra in extras for name in extra)]
    assert [name for name in named if "==" not in name] == []


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in (ROOT / "README.md").read_text()


def test_the_version_is_the_projects() -> None:
    assert project()["version"] == __version__


def test_no_module_is_called_by_what_says_nothing() -> None:
    names = {path.stem for path in (ROOT / "chalicelib").rglob("*.py")}

    assert not names & {"utils", "util", "common", "misc", "base", "helpers"}


def imported(folder: Path) -> set[str]:
    """Name all that the modules of a folder import, wherever in them they do."""
    trees = [ast.parse(path.read_text()) for path in folder.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    parts = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in (*plain, *parts)}


@pytest.mark.parametrize("package", WORKERS)
def test_what_workers_import_is_in_their_image(package: str) -> None:
    pinned = (ROOT / "layers" / "pgclient" / "requirements.txt").read_text()
    there = {line.partition("==")[0] for line in pinned.splitlines() if "==" in line}

    foreign = imported(ROOT / "chalicelib" / package) - sys.stdlib_module_names - {"chalicelib"}

    makers = packages_distributions()
    missing = {name for name in foreign if not {one.lower() for one in makers[name]} & there}
    assert missing == set()
