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
from tests.faults.cells import Finding, Trial
from tests.faults.processes import running_from
from tests.faults.stand import Stand
from tests.support.dumping import Bystander, client_environment, contents, execute, sessions_of_ours

WHOLE: Final = ("RECOVERY.md", "database.dump", "manifest.json")
LAST_MOVES: Final = {"backup.completed", "backup.failed", "backup.cancelled"}


def end_of(backup: Backup) -> str:
    """Name how a run ended: its error's code, or its status."""
    return backup.error.code if backup.error else backup.status.value


def violations(stand: Stand, trial: Trial, took_s: float, within_s: float) -> Iterator[Finding]:
    """Name every promise that was broken."""
    done = stand.record(trial.backup)
    yield from trial.faults
    if (end := end_of(done)) not in trial.ends:
        said = f"ended as {end}, not as {' or '.join(sorted(trial.ends))}"
        yield Finding(said, is_false_success=done.status is Status.COMPLETED)
    if took_s > within_s:
        yield Finding(f"took {took_s:.1f} s")
    yield from _leftovers(stand, done)
    yield from _history(stand, done)
    if done.status is Status.COMPLETED:
        yield from _false_success(stand, done)
    yield from _harm_to_others(stand)


def restore_differs(stand: Stand, backup: Backup) -> Iterator[Finding]:
    """Restore with stock programs into a database of its own; tell whether anything differs."""
    done = stand.record(backup)
    if done.status is not Status.COMPLETED or done.options.format is Format.PLAIN:
        return
    execute(stand.server.connection(), "CREATE DATABASE restored TEMPLATE template0")
    try:
        target = stand.server.connection("restored")
        said = _restore(stand, done, target)
        if said:
            yield _false(f"pg_restore said: {said[:200]}")
        elif contents(target) != contents(stand.source):
            yield _false("the restored rows are not those of the source")
    finally:
        execute(stand.server.connection(), "DROP DATABASE restored WITH (FORCE)")


def _false(says: str) -> Finding:
    return Finding(says, is_false_success=True)


def _leftovers(stand: Stand, done: Backup) -> Iterator[Finding]:
    if not done.status.is_terminal:
        yield Finding(f"stands at {done.status}")
    expected = set(WHOLE) if done.status is Status.COMPLETED else set()
    names = {key.rpartition("/")[2] for key in stand.objects(done)}
    if names != expected:
        yield Finding(f"objects: {sorted(names)}")
    if uploads := stand.uploads(done):
        yield Finding(f"uploads under way: {len(uploads)}")
    if not _soon(stand, lambda: not running_from(stand.clients.parents[2])):
        yield Finding("client programs still run")
    if not _soon(stand, lambda: sessions_of_ours(stand.source) == 0):
        yield Finding("sessions of ours are open on the server")
    if files := sorted(stand.scratch.rglob("*")):
        yield Finding(f"files left in scratch: {[file.name for file in files]}")
        _clear(stand.scratch)


def _history(stand: Stand, done: Backup) -> Iterator[Finding]:
    page = stand.services.adapters.catalog.find(
        Query(AuditEvent, index=("subject_id", done.id), limit=200)
    )
    moves = Counter(event.action for event in page.items if event.action in LAST_MOVES)
    if sum(moves.values()) != 1:
        yield Finding(f"last moves in the audit log: {dict(moves)}")


def _false_success(stand: Stand, done: Backup) -> Iterator[Finding]:
    store = stand.services.adapters.store
    manifest = b"".join(store.read(artefact_key(done, "manifest.json")))
    if hashlib.sha256(manifest).hexdigest() != done.manifest_sha256:
        yield _false("the manifest is not the one of the record")
    if not (done.validated and done.artefacts):
        yield _false("completed, and never validated")
    for artefact in done.artefacts:
        yield from _damage(stand, done, artefact)


def _damage(stand: Stand, done: Backup, artefact: Artefact) -> Iterator[Finding]:
    data = b"".join(stand.services.adapters.store.read(artefact.key))
    is_same = hashlib.sha256(data).hexdigest() == artefact.checksum.value
    if not is_same or len(data) != artefact.stored_bytes or not data:
        yield _false(f"{artefact.name} is not what the record says")
    if done.format is None or done.compression is None:
        yield _false("no layout")
        return
    try:
        stand.engine().check(done.format, done.compression, iter([data]), Bystander())
    except HoldfastError as error:
        yield _false(f"{artefact.name} cannot be read: {error.message}")


def _harm_to_others(stand: Stand) -> Iterator[Finding]:
    if stand.keeper is None:
        return
    if stand.record(stand.keeper) != stand.keeper:
        yield Finding("the record of the previous backup changed")
    if stand.objects(stand.keeper) != stand.kept:
        yield Finding("the objects of the previous backup changed")


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
