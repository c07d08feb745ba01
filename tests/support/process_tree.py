"""Look at a process and its descendants through procfs, once or for as long as they run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

PROC: Final = Path("/proc")
LOOK_EVERY_S: Final = 0.002


@dataclass(frozen=True)
class Seen:
    """What procfs shows of one process; NUL ends each argument and each variable."""

    pid: int
    name: str
    argv: bytes
    environ: bytes

    @property
    def variables(self) -> dict[str, str]:
        pairs = self.environ.decode(errors="replace").split("\0")[:-1]
        return dict(pair.split("=", 1) for pair in pairs)


def tree(root: int) -> Iterator[Seen]:
    """Yield the process and its descendants; one that ends meanwhile is left out."""
    with suppress(OSError):  # it is gone
        folder = PROC / str(root)
        yield Seen(
            root,
            (folder / "comm").read_text().strip(),
            (folder / "cmdline").read_bytes(),
            (folder / "environ").read_bytes(),
        )
        for task in (folder / "task").iterdir():
            for child in (task / "children").read_text().split():
                yield from tree(int(child))


class TreeWatch:
    """Look at a tree again and again while a block runs; keep every different view."""

    def __init__(self, root: int) -> None:
        self.seen: set[Seen] = set()
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(5)

    def _look(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self.seen.update(tree(self._root))
