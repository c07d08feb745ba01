"""Hold what a restore has open on its target, from the first look to the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from chalicelib.domain.backup import Compression, Format
from chalicelib.domain.exhaustion import scratch_failure
from chalicelib.engine.choice import FloorPolicy
from chalicelib.engine.clients import Clients
from chalicelib.engine.connection import Session, SessionOptions, translated
from chalicelib.engine.crew import Crew, attend
from chalicelib.engine.environment import password_file
from chalicelib.engine.restore.client import ChosenClient, Wish, choose_client, must_be_sound
from chalicelib.engine.restore.facts import TargetFacts, target_facts
from chalicelib.engine.restore.run import Pulse
from chalicelib.engine.sessions import Sessions, mark_of
from chalicelib.engine.versions import parse
from chalicelib.ports import HostGuard
from chalicelib.postgres_ports import RestoreRequest

T = TypeVar("T")


@dataclass(frozen=True)
class RestorerSettings:
    """Say which clients may run, how patient sessions are, where password files go."""

    clients: Clients
    floor_policy: FloorPolicy
    lock_timeout_s: float
    scratch_dir: Path
    guard: HostGuard | None = None


@dataclass(frozen=True)
class Hold:
    """Hold what a restore has open, each with an owner that closes it."""

    secret: Path
    folder: Path
    crew: Crew
    sessions: Sessions
    pulse: Pulse

    def ask(self, question: Callable[[], T]) -> T:
        """Run a question to the target in a thread, looking at the watch meanwhile."""

        def asked() -> T:
            with translated(self.sessions.connection, started=True):
                return question()

        return attend(self.crew.start(asked), self.pulse)


@dataclass(frozen=True)
class Look:
    """Hold what a first look at target and clients gave."""

    session: Session
    facts: TargetFacts
    chosen: ChosenClient


@contextmanager
def held(
    settings: RestorerSettings, request: RestoreRequest, pulse: Pulse
) -> Iterator[tuple[Hold, Look]]:
    """Open a session to the target and look at it; all that was opened ends with the block."""
    marked = SessionOptions(mark_of(request.run_id), settings.lock_timeout_s, guard=settings.guard)
    with (
        password_file(request.connection.password, settings.scratch_dir) as secret,
        own_folder(settings.scratch_dir) as folder,
        Crew() as crew,
        Sessions(request.connection, marked, crew) as sessions,
    ):
        hold = Hold(secret, folder, crew, sessions, pulse)
        session = attend(crew.start(sessions.open), pulse)
        facts = hold.ask(partial(target_facts, session))
        chosen = choose_client(settings.clients.find(), _wish(settings, request, facts))
        yield hold, Look(session, facts, chosen)


@contextmanager
def own_folder(scratch: Path) -> Iterator[Path]:
    """Give a folder in scratch for as long as the block runs."""
    try:
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix="holdfast-", dir=scratch)
    except OSError as error:
        raise scratch_failure("no folder could be made in scratch", error) from error
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder)


def use_list(folder: Path, dump_ids: tuple[int, ...]) -> Path:
    """Write which entries pg_restore shall take, and in which order."""
    path = folder / "list"
    try:
        path.write_text("".join(f"{dump_id};\n" for dump_id in dump_ids))
    except OSError as error:
        raise scratch_failure("scratch takes no file", error) from error
    return path


def _wish(settings: RestorerSettings, request: RestoreRequest, facts: TargetFacts) -> Wish:
    source = request.source
    return Wish(
        server=parse(facts.version),
        restore_needs=source.restore_needs,
        sslmode=request.connection.endpoint.sslmode,
        compression=source.compression if source.format is Format.CUSTOM else Compression.NONE,
        must_be_sound=must_be_sound(settings.floor_policy, is_ours=source.is_ours),
    )
