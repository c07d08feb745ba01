"""Fork workers out of a warm process: 20 ms each instead of a second, and each a real process.

It reads an order per line of its input, forks, and answers with the worker's process id. A worker
runs what `chalicelib.worker` runs, over the services that its environment names; only its client
programs are those of the stand. It dies with the nursery, and that with whoever started it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from chalicelib.adapters.embedded.processes import die_with_parent
from chalicelib.adapters.system import SystemClock
from chalicelib.bootstrap.services import Services, build
from chalicelib.engine.clients import Clients
from chalicelib.engine.engine import EngineSettings, PostgresEngine
from chalicelib.settings import Settings
from chalicelib.worker.__main__ import outcome, owner_name
from tests.support.crashes import Fuse, fused


@dataclass(frozen=True)
class Trouble:
    """Say what a worker runs into: at its call number `at` of a port, a signal before or after it.

    `limits` are soft limits of the process by their names in `resource`; the file `mark` appears
    when the signal is sent.
    """

    at: int = 0
    after: bool = False
    number: int = signal.SIGKILL
    limits: dict[str, int] = field(default_factory=dict)
    mark: str = ""


@dataclass(frozen=True)
class Order:
    """Say which worker to fork."""

    settings: dict[str, str]
    backup_id: str
    trouble: Trouble

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def read(cls, line: str) -> Order:
        found = json.loads(line)
        return cls(**{**found, "trouble": Trouble(**found["trouble"])})


@dataclass
class Trap(Fuse):
    """Send this process a signal at one of its calls."""

    number: int = signal.SIGKILL
    mark: str = ""

    def call(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        here = self.calls == self.blow_at
        if here and not self.after:
            self._strike()
        try:
            return method(*args, **kwargs)
        finally:
            if here and self.after:
                self._strike()

    def _strike(self) -> None:
        if self.mark:
            Path(self.mark).touch()
        os.kill(os.getpid(), self.number)


def main(clients: Path, scratch: Path, parent: int) -> None:
    """Take orders until the input ends."""
    die_with_parent(parent)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    engine = PostgresEngine(
        EngineSettings((), "warn", 2.0, scratch), SystemClock(), Clients([clients])
    )
    for line in sys.stdin:
        order = Order.read(line)
        pid = os.fork()
        if pid == 0:
            os._exit(_worker(order, engine))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _worker(order: Order, engine: PostgresEngine) -> int:
    die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    services = build(Settings.read(order.settings))
    trouble = order.trouble
    for name, value in trouble.limits.items():
        _limit(getattr(resource, name), value)
    trap = Trap(trouble.at, trouble.after, number=trouble.number, mark=trouble.mark)
    adapters = replace(fused(services.adapters, trap), engine=lambda: engine)
    runner = Services(services.settings, adapters).backup_runner(owner_name(adapters.ids))
    return outcome(runner, order.backup_id)


def _limit(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
