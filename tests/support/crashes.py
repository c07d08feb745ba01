"""A worker that dies or sleeps at a chosen call: all calls of its adapters go through one fuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from chalicelib.bootstrap.adapters import Adapters
from chalicelib.domain.backup import Backup
from chalicelib.domain.manifest import digest
from chalicelib.domain.object_keys import artefact_key
from tests.support.world import DUMP, World

PORTS: Final = ("catalog", "store", "signer")


class Crash(BaseException):
    """The death of a process: nothing after it runs."""


@dataclass
class Fuse:
    """Count calls; blow at one of them."""

    blow_at: int
    after: bool
    calls: int = 0
    blown: bool = field(default=False)

    def call(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        if self.blown:
            raise Crash
        self.calls += 1
        here = self.calls == self.blow_at
        if here and not self.after:
            self._blow()
        try:
            return method(*args, **kwargs)
        finally:
            if here:  # an answer that is an error is an answer too
                self._blow()

    def _blow(self) -> None:
        self.blown = True
        raise Crash


CHANGING: Final = frozenset(
    {"commit", "begin", "upload_part", "complete", "abort", "put", "copy", "delete"}
)
"""What a worker that slept may do harm with; whatever it reads before these is stale by then."""


@dataclass
class Sleep:
    """Count calls that change something; before one of them let something else happen."""

    sleep_at: int
    meanwhile: Callable[[], object]
    calls: int = 0

    def call(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        if method.__name__ in CHANGING:
            self.calls += 1
            if self.calls == self.sleep_at:
                self.meanwhile()
        return method(*args, **kwargs)

    @property
    def has_slept(self) -> bool:
        return self.calls >= self.sleep_at


class Fused:
    """An adapter whose every call goes through the fuse."""

    def __init__(self, adapter: Any, fuse: Fuse | Sleep) -> None:
        self._adapter = adapter
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._adapter, name)
        if not callable(value):
            return value
        return lambda *args, **kwargs: self._fuse.call(value, *args, **kwargs)


def fused(adapters: Adapters, fuse: Fuse | Sleep, *more: str) -> Adapters:
    """Return the adapters with what a worker changes behind the fuse, and more ports if named."""
    ports = (*PORTS, *more)
    behind: dict[str, Any] = {port: Fused(getattr(adapters, port), fuse) for port in ports}
    return replace(adapters, **behind)


def is_whole(world: World, done: Backup) -> bool:
    """Tell whether the store holds what a completed backup says, and nothing else."""
    store = world.adapters.store
    dump = b"".join(store.read(artefact_key(done, "database.dump")))
    manifest = b"".join(store.read(artefact_key(done, "manifest.json")))
    kept = [artefact_key(done, n) for n in ("RECOVERY.md", "database.dump", "manifest.json")]
    return (
        dump == DUMP
        and digest(manifest) == done.manifest_sha256
        and [artefact.key for artefact in done.artefacts] == [kept[1]]
        and world.leftovers() == kept
    )
