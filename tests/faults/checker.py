"""Hold a run to its promises, by what lies there afterwards: records, objects, processes, rows."""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Final

from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.backup import Artefact, Backup, Format, Status
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import HoldfastError
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.record import Query
from tests.faults.cells import Trial
from tests.faults.processes import running_from
from tests.faults.stand import Stand
from tests.support.dumping import Bystander, client_environment, contents, execute, sessions_of_ours

WHOLE: Final = ("RECOVERY.md", "database.dump", "manifest.json")
LAST_MOVES: Final = {"backup.completed", "backup.failed", "backup.cancelled"}


def end_of(backup: Backup) -> str:
    """Name how a run ended: its error's code, or its status."""
    return backup.error.code if backup.error else backup.status.value


def violations(stand: Stand, trial: Trial, took_s: float, within_s: float) -> Iterator[str]:
    """Name every promise that was broken."""
    done = stand.record(trial.backup)
    yield from trial.faults
    if end_of(done) not in trial.ends:
        yield f"ended as {end_of(done)}, not as {' or '.join(sorted(trial.ends))}"
    if took_s > within_s:
        yield f"took {took_s:.1f} s"
    yield from _leftovers(stand, done)
    yield from _history(stand, done)
    if done.status is Status.COMPLETED:
        yield from _false_success(stand, done)
    yield from _harm_to_others(stand)


def restore_differs(stand: Stand, backup: Backup) -> Iterator[str]:
    """Restore with stock programs into a database of its own; tell whether anything differs."""
    done = stand.record(backup)
    if done.status is not Status.COMPLETED or done.options.format is Format.PLAIN:
        return
    execute(stand.server.connection(), "CREATE DATABASE restored TEMPLATE template0")
    try:
        target = stand.server.connection("restored")
        said = _restore(stand, done, target)
        if said:
            yield f"pg_restore said: {said[:200]}"
        elif contents(target) != contents(stand.source):
            yield "the restored rows are not those of the source"
    finally:
        execute(stand.server.connection(), "DROP DATABASE restored WITH (FORCE)")


def _leftovers(stand: Stand, done: Backup) -> Iterator[str]:
    if not done.status.is_terminal:
        yield f"stands at {done.status}"
    expected = set(WHOLE) if done.status is Status.COMPLETED else set()
    names = {key.rpartition("/")[2] for key in stand.objects(done)}
    if names != expected:
        yield f"objects: {sorted(names)}"
    if uploads := stand.uploads(done):
        yield f"uploads under way: {len(uploads)}"
    if not _soon(stand, lambda: not running_from(stand.clients.parents[2])):
        yield "client programs still run"
    if not _soon(stand, lambda: sessions_of_ours(stand.source) == 0):
        yield "sessions of ours are open on the server"
    if files := sorted(stand.scratch.rglob("*")):
        yield f"files left in scratch: {[file.name for file in files]}"
        _clear(stand.scratch)


def _history(stand: Stand, done: Backup) -> Iterator[str]:
    page = stand.services.adapters.catalog.find(
        Query(AuditEvent, index=("subject_id", done.id), limit=200)
    )
    moves = Counter(event.action for event in page.items if event.action in LAST_MOVES)
    if sum(moves.values()) != 1:
        yield f"last moves in the audit log: {dict(moves)}"


def _false_success(stand: Stand, done: Backup) -> Iterator[str]:
    store = stand.services.adapters.store
    manifest = b"".join(store.read(artefact_key(done, "manifest.json")))
    if hashlib.sha256(manifest).hexdigest() != done.manifest_sha256:
        yield "FALSE SUCCESS: the manifest is not the one of the record"
    if not (done.validated and done.artefacts):
        yield "FALSE SUCCESS: completed, and never validated"
    for artefact in done.artefacts:
        yield from _damage(stand, done, artefact)


def _damage(stand: Stand, done: Backup, artefact: Artefact) -> Iterator[str]:
    data = b"".join(stand.services.adapters.store.read(artefact.key))
    is_same = hashlib.sha256(data).hexdigest() == artefact.checksum.value
    if not is_same or len(data) != artefact.stored_bytes or not data:
        yield f"FALSE SUCCESS: {artefact.name} is not what the record says"
    if done.format is None or done.compression is None:
        yield "FALSE SUCCESS: no layout"
        return
    try:
        stand.engine().check(done.format, done.compression, iter([data]), Bystander())
    except HoldfastError as error:
        yield f"FALSE SUCCESS: {artefact.name} cannot be read: {error.message}"


def _harm_to_others(stand: Stand) -> Iterator[str]:
    if stand.keeper is None:
        return
    if stand.record(stand.keeper) != stand.keeper:
        yield "the record of the previous backup changed"
    if stand.objects(stand.keeper) != stand.kept:
        yield "the objects of the previous backup changed"


def _restore(stand: Stand, done: Backup, target: Connection) -> str:
    data = b"".join(stand.services.adapters.store.read(done.artefacts[0].key))
    run = subprocess.run(
        [
            stand.clients / "pg_restore",
            "--exit-on-error",
            "--no-acl",
            f"--dbname={target.endpoint.database}",
        ],
        input=data,
        env=client_environment(target),
        capture_output=True,
        check=False,
    )
    return run.stderr.decode(errors="replace") if run.returncode else ""


def _soon(stand: Stand, condition: Callable[[], bool]) -> bool:
    deadline = monotonic() + stand.patience_s
    pause = Event()
    while not condition():
        if monotonic() > deadline:
            return False
        pause.wait(0.05)
    return True


def _clear(folder: Path) -> None:
    # the next run is judged by what it leaves itself
    for path in sorted(folder.rglob("*"), reverse=True):
        with suppress(FileNotFoundError):
            path.rmdir() if path.is_dir() else path.unlink()
