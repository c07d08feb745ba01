"""Promises of `make test`: what fails in one lane fails the whole, with and without arguments."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "run-lanes"
LEFT_OUT = 2


def program(folder: Path, name: str, line: str) -> None:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def lanes(folder: Path, *arguments: str, image: int = 0, tests: int = 0) -> int:
    """Run the script among programs that do nothing but end; return its exit code."""
    for name in ("apt-get", "buildah", "chromium", "curl", "jq", "ls"):
        program(folder, name, "exit 0")
    program(folder, "id", "echo 0")
    program(folder, "python", f"case $2 in infra.image) exit {image};; pytest) exit {tests};; esac")
    copied = folder / "tests" / SCRIPT.name
    copied.parent.mkdir()
    shutil.copy(SCRIPT, copied)
    path = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin"}
    return subprocess.run(
        ["sh", copied, *arguments], env=path, stdout=subprocess.DEVNULL, check=False, timeout=60
    ).returncode


@pytest.mark.parametrize("arguments", [(), ("-k", "some")], ids=["all", "chosen"])
@pytest.mark.parametrize(
    ("image", "tests", "ends_with"), [(0, 0, 0), (1, 0, 1), (LEFT_OUT, 0, 0), (0, 5, 5), (1, 5, 5)]
)
def test_an_image_that_cannot_be_built_and_a_failed_test_fail_the_run(
    tmp_path: Path, arguments: tuple[str, ...], image: int, tests: int, ends_with: int
) -> None:
    assert lanes(tmp_path, *arguments, image=image, tests=tests) == ends_with
