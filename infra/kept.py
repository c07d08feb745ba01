"""Keep packages by what they were made of, so that the same sources are packaged once.

Whoever asks gets a copy. Packaging has one copy of the sources and one environment, so that one
process at a time makes or takes a package; others wait for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PREFIX: Final = "made-"
MOST: Final = 4
"""A package has some 10 MB; two Pythons and a change that is taken back are seldom more."""
FILES: Final = ("app.py", "requirements.txt")
FOLDERS: Final = ("chalicelib", ".chalice", "infra")
NO_PART: Final = frozenset(
    {"__pycache__", "deployments", "deployed", "parameters", "rehearsal", "examples"}
)
"""Folders below these that no package is made of."""


def key_of(root: Path, recipe: str) -> str:
    """Return the name of what is made of these sources by a recipe."""
    seen = hashlib.sha256(recipe.encode())
    for path in sources(root):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        seen.update(f"\n{path.relative_to(root)} {content}".encode())
    return seen.hexdigest()[:16]


def sources(root: Path) -> list[Path]:
    """Return every file that a package is made of, in order."""
    below = [path for name in FOLDERS for path in (root / name).rglob("*") if path.is_file()]
    parts = [path for path in below if NO_PART.isdisjoint(path.relative_to(root).parts)]
    return sorted([root / name for name in FILES] + [p for p in parts if p.suffix != ".md"])


@dataclass(frozen=True)
class Shelf:
    """Hold packages in a folder."""

    folder: Path

    def take(self, key: str, make: Callable[[Path], list[str]], out: Path) -> list[str]:
        """Copy a package to `out`, made before if it is not here; return what is wrong with it.

        What something is wrong with is copied, to be looked at, and not kept.
        """
        with self._alone():
            home = self.folder / f"{PREFIX}{key}"
            problems = [] if home.is_dir() else self._made(home, make)
            shutil.copytree(self._fresh if problems else home, out, dirs_exist_ok=True)
        return problems

    def _made(self, home: Path, make: Callable[[Path], list[str]]) -> list[str]:
        shutil.rmtree(self._fresh, ignore_errors=True)
        self._fresh.mkdir()
        problems = make(self._fresh)
        if not problems:
            self._fresh.rename(home)
            self._forget()
        return problems

    def _forget(self) -> None:
        by_age = sorted(self.folder.glob(f"{PREFIX}*"), key=lambda path: path.stat().st_mtime)
        for old in by_age[:-MOST]:
            shutil.rmtree(old)

    @property
    def _fresh(self) -> Path:
        return self.folder / "fresh"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            # gone with the process that holds it, however that ends
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
