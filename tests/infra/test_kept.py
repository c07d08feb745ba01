"""Promises of kept packages: made once of the same sources, and never of others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.kept import MOST, Shelf, key_of, sources
from tests.support.servers import ROOT

Make = Callable[[Path], list[str]]


def made(calls: list[Path], *problems: str) -> Make:
    """Return what makes a package, and notes that it did."""

    def make(out: Path) -> list[str]:
        (out / "deployment.zip").write_text(f"package {len(calls)}")
        calls.append(out)
        return list(problems)

    return make


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small checkout."""
    for name in ("app.py", "requirements.txt", "chalicelib/a.py", ".chalice/config.json"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "root"


@pytest.mark.parametrize(
    "name",
    [
        "app.py",
        "requirements.txt",
        "chalicelib/a.py",
        "chalicelib/new.css",
        ".chalice/policy-gate.json",
        "infra/resources.yaml",
        "infra/statemachines/job.asl.json",
        "infra/packager.py",
    ],
)
def test_other_sources_make_another_package(root: Path, name: str) -> None:
    before = key_of(root, "recipe")
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("other")

    assert key_of(root, "recipe") != before


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "tests/test_x.py",
        "infra/README.md",
        "infra/rehearsal/report.txt",
        "infra/parameters/dev.json",
        "chalicelib/__pycache__/a.pyc",
        ".chalice/deployments/x.zip",
    ],
)
def test_what_no_package_holds_makes_no_other(root: Path, name: str) -> None:
    before = key_of(root, "recipe")
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("other")

    assert key_of(root, "recipe") == before


def test_another_recipe_makes_another_package(root: Path) -> None:
    assert key_of(root, "Python 3.13") != key_of(root, "Python 3.11")


def test_a_file_that_moved_makes_another_package(root: Path) -> None:
    before = key_of(root, "recipe")
    (root / "chalicelib/a.py").rename(root / "chalicelib/b.py")

    assert key_of(root, "recipe") != before


def test_every_module_and_machine_of_the_product_is_among_the_sources() -> None:
    found = {str(path.relative_to(ROOT)) for path in sources(ROOT)}

    assert {"chalicelib/worker/steps.py", "infra/statemachines/job.asl.json", "app.py"} <= found
    assert not any("__pycache__" in name for name in found)


def test_the_same_package_is_made_once_and_copied(tmp_path: Path) -> None:
    shelf, calls = Shelf(tmp_path / "work"), list[Path]()

    told = [shelf.take("k", made(calls), tmp_path / name) for name in ("one", "two")]

    assert (told, len(calls)) == ([[], []], 1)
    assert (tmp_path / "two" / "deployment.zip").read_text() == "package 0"


def test_another_package_is_made_anew(tmp_path: Path) -> None:
    shelf, calls = Shelf(tmp_path / "work"), list[Path]()

    for key in ("k", "other"):
        shelf.take(key, made(calls), tmp_path / "out")

    assert (tmp_path / "out" / "deployment.zip").read_text() == "package 1"


def test_a_package_with_something_wrong_is_shown_and_not_kept(tmp_path: Path) -> None:
    shelf, calls = Shelf(tmp_path / "work"), list[Path]()

    told = [shelf.take("k", made(calls, "no app.py"), tmp_path / "out") for _ in range(2)]

    assert (told, len(calls)) == ([["no app.py"]] * 2, 2)
    assert (tmp_path / "out" / "deployment.zip").exists()


def test_a_package_whose_making_broke_off_is_made_anew(tmp_path: Path) -> None:
    shelf, calls = Shelf(tmp_path / "work"), list[Path]()

    def broken(out: Path) -> list[str]:
        (out / "half").touch()
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        shelf.take("k", broken, tmp_path / "out")
    shelf.take("k", made(calls), tmp_path / "out")

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["deployment.zip"]


def test_all_who_ask_at_once_get_the_one_package(tmp_path: Path) -> None:
    shelf, calls = Shelf(tmp_path / "work"), list[Path]()
    outs = [tmp_path / f"{number}" for number in range(4)]

    with ThreadPoolExecutor(len(outs)) as pool:
        list(pool.map(lambda out: shelf.take("k", made(calls), out), outs))

    assert len(calls) == 1
    assert {(out / "deployment.zip").read_text() for out in outs} == {"package 0"}


def test_old_packages_are_forgotten(tmp_path: Path) -> None:
    shelf, calls = Shelf(tmp_path / "work"), list[Path]()

    for number in range(MOST + 2):
        shelf.take(f"{number}", made(calls), tmp_path / "out")

    assert len(list((tmp_path / "work").glob("made-*"))) == MOST
    shelf.take(f"{MOST + 1}", made(calls), tmp_path / "out")
    assert len(calls) == MOST + 2
