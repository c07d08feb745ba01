"""Promises of the package: what the zip holds, how soon it loads, under which Python it is made."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from infra import package
from infra.compiled import places
from infra.package import MAX_ZIP_BYTES, UNWANTED, WANTED, modules, zip_problems
from infra.packager import (
    LAMBDA_PYTHON,
    Interpreter,
    PackagingError,
    candidates,
    copied,
    lambda_python,
    made_for,
    probed,
)
from infra.template import CODE
from infra.trimmed import SERVICES, kept
from tests.support.packaging import ARCHITECTURE, base_python, packaging_python
from tests.support.servers import ROOT

COLD_IMPORT_S: Final = 1.0
TRIES: Final = 3
"""The best of so many counts."""
OURS: Final = ["chalicelib/__init__.py"]


def zipped(folder: Path, names: Sequence[str], padding: bytes = b"") -> Path:
    path = folder / "deployment.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, padding)
    return path


def stub_python(folder: Path, says: str) -> Path:
    """Make a program that answers like a Python of some version."""
    path = folder / "python-stub"
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


def test_a_zip_with_all_it_needs_is_fine(tmp_path: Path) -> None:
    assert zip_problems(zipped(tmp_path, [*WANTED, *OURS]), OURS) == []


@pytest.mark.parametrize("missing", [*WANTED, *OURS])
def test_a_zip_that_lacks_something_is_named(tmp_path: Path, missing: str) -> None:
    names = [name for name in (*WANTED, *OURS) if name != missing]

    assert zip_problems(zipped(tmp_path, names), OURS) == [f"the zip lacks {missing}"]


@pytest.mark.parametrize("folder", [*UNWANTED, "chalicelib/__pycache__/"])
def test_what_the_api_does_not_need_is_named(tmp_path: Path, folder: str) -> None:
    unwanted = f"{folder}anything.pyc"
    path = zipped(tmp_path, [*WANTED, *OURS, unwanted])

    assert zip_problems(path, OURS) == [f"the zip holds {unwanted}"]


def test_a_zip_over_its_limit_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path, [*WANTED, *OURS], b"\0" * (MAX_ZIP_BYTES // 4))

    (problem,) = zip_problems(path, OURS)
    assert "over 30000000" in problem


def test_every_module_of_the_product_belongs_into_the_zip() -> None:
    found = modules(ROOT)

    assert "chalicelib/worker/function.py" in found
    assert "chalicelib/engine/stream.py" in found


def test_caches_and_earlier_packages_are_not_copied(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("chalicelib/a.py", "chalicelib/__pycache__/a.pyc", ".chalice/deployments/x.zip"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    for name in ("app.py", "requirements.txt"):
        (root / name).touch()

    source = copied(root, tmp_path / "work")

    files = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert files == {"app.py", "requirements.txt", "chalicelib/a.py"}


def test_a_module_that_was_removed_leaves_the_copy_too(tmp_path: Path) -> None:
    for name in ("app.py", "requirements.txt", "chalicelib/a.py", ".chalice/config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    copied(tmp_path, tmp_path / "work")
    (tmp_path / "chalicelib/a.py").rename(tmp_path / "chalicelib/b.py")

    source = copied(tmp_path, tmp_path / "work")

    assert [path.name for path in (source / "chalicelib").iterdir()] == ["b.py"]


def test_chalice_fetches_the_wheels_of_the_architecture_that_is_asked_for(tmp_path: Path) -> None:
    config = tmp_path / ".chalice" / "config.json"
    config.parent.mkdir()
    config.write_text('{"app_name": "x", "lambda_architecture": "x86_64"}')

    source = made_for(tmp_path, "arm64")

    assert json.loads((source / ".chalice" / "config.json").read_text()) == {
        "app_name": "x",
        "lambda_architecture": "arm64",
    }


def test_lambdas_python_is_taken(tmp_path: Path) -> None:
    path = stub_python(tmp_path, "echo {} {}".format(*LAMBDA_PYTHON))

    assert lambda_python([tmp_path / "none", path]).path == path


@pytest.mark.parametrize("says", ["echo 3 11", "echo nonsense", "exit 1"])
def test_without_lambdas_python_there_is_no_package(tmp_path: Path, says: str) -> None:
    with pytest.raises(PackagingError, match=r"needs Python 3\.13"):
        lambda_python([stub_python(tmp_path, says)])


def test_this_python_is_probed_as_what_it_is() -> None:
    found = probed(Path(sys.executable))

    assert found is not None
    assert found.version == sys.version_info[:2]


def test_pythons_of_pyenv_and_of_the_path_are_looked_at(tmp_path: Path) -> None:
    homes = [tmp_path / ".pyenv" / "versions" / "3.13.0" / "bin", tmp_path / "opt"]
    for home in homes:
        home.mkdir(parents=True)
        (home / "python3.13").touch()

    found = candidates(None, tmp_path, f"{tmp_path / 'opt'}:{tmp_path / 'none'}")

    assert found == [tmp_path / "opt" / "python3.13", homes[0] / "python3.13"]


def test_a_python_that_is_named_is_the_only_one_looked_at(tmp_path: Path) -> None:
    assert candidates("/named/python", tmp_path, "/usr/bin") == [Path("/named/python")]


def import_s(folder: Path, python: str = sys.executable, *options: str) -> float:
    """Return how long the processor takes to import the app: a busy machine must not decide."""
    code = "import sys; sys.path.insert(0, '.'); import time, app; print(time.process_time())"
    command = [python, *options, "-c", code]
    run = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return float(run.stdout)


def test_the_app_is_imported_within_a_second() -> None:
    assert any(import_s(ROOT) <= COLD_IMPORT_S for _ in range(TRIES))


def made_in(folder: Path, python: str) -> set[str]:
    """Make every client that functions call with nothing but what lies in a folder."""
    code = (
        "import sys; sys.path.insert(0, '.');"
        "from chalicelib.adapters.aws.clients import Place, client;"
        "make = lambda name: client(name, Place('eu-central-1')).meta.service_model.service_name;"
        "print(*map(make, sys.argv[1:]))"
    )
    command = [python, "-S", "-B", "-c", code, *SERVICES]
    run = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return set(run.stdout.split())


def test_of_botocores_services_only_those_are_kept_that_functions_call() -> None:
    names = [
        "botocore/data/endpoints.json",
        "botocore/data/kms/2014-11-01/service-2.json.gz",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "botocore/client.py",
        "app.py",
    ]

    assert kept(names) == [name for name in names if "ec2" not in name]


def test_bytecode_is_made_of_what_is_loaded_and_in_the_zip() -> None:
    names = ["app.py", "a/__init__.py", "a/b.py", "a/c.py", "a/d.so"]

    assert places(["app", "a", "a.b", "a.d", "json"], names) == [
        "a/__init__.py",
        "a/b.py",
        "app.py",
    ]


def test_a_package_that_is_to_be_judged_only_is_marked_and_a_later_one_is_not(
    tmp_path: Path,
) -> None:
    here = Interpreter(Path(sys.executable), (3, 11))

    package.mark(tmp_path, here, is_check=True)
    told = (tmp_path / package.MARK).read_text()
    package.mark(tmp_path, here, is_check=False)

    assert "judge" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_package_is_whole_and_cfn_lint_has_nothing_against_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interpreter = packaging_python()
    judged_only = [] if interpreter.is_lambdas else ["--check"]
    asked = [*judged_only, "--architecture", ARCHITECTURE, "--out", str(tmp_path / "out")]

    code = package.main(asked)

    assert (code, capsys.readouterr().err) == (0, "")
    # as Lambda does: nothing but the zip, and nowhere to keep bytecode
    with zipfile.ZipFile(tmp_path / "out" / CODE) as packed:
        packed.extractall(tmp_path / "task")
    python = base_python(interpreter)
    assert made_in(tmp_path / "task", python) == SERVICES
    assert any(
        import_s(tmp_path / "task", python, "-S", "-B") <= COLD_IMPORT_S for _ in range(TRIES)
    )


@pytest.mark.parametrize("name", ["bootstrap.yaml"])
def test_cfn_lint_has_nothing_against_what_comes_first(name: str) -> None:
    assert package.lint(ROOT / "infra" / name) == []
