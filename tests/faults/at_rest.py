"""F13: what becomes of stored backups is found by the next verification, each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from chalicelib.adapters.aws.clients import Place
from chalicelib.adapters.aws.s3_settings import s3_client
from chalicelib.adapters.embedded.object_paths import ObjectPaths
from chalicelib.domain.backup import Backup
from chalicelib.domain.execution import Work
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.object_keys import artefact_key
from tests.faults.cells import COMPLETED, Act, Cell, Draw, Finding, Trial
from tests.faults.stand import Stand
from tests.support import seaweedfs

NAMES: Final = ("database.dump", "manifest.json")
Damage = Callable[[bytes, Draw], bytes | None]


class Vandal(Protocol):
    """Change stored bytes behind the service's back."""

    def put(self, key: str, data: bytes) -> None: ...

    def remove(self, key: str) -> None: ...


class DirectoryVandal:
    """Change files."""

    def __init__(self, stand: Stand) -> None:
        self._paths = ObjectPaths(stand.services.settings.data / "objects")

    def put(self, key: str, data: bytes) -> None:
        path = self._paths.of_object(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def remove(self, key: str) -> None:
        self._paths.of_object(key).unlink()


class BucketVandal:
    """Change objects with an administrator's key."""

    def __init__(self, stand: Stand) -> None:
        settings = stand.services.settings
        place = Place(settings.region, settings.s3_endpoint, seaweedfs.KEYS)
        self._client, self._prefix = s3_client(place), settings.s3_prefix

    def put(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=seaweedfs.BUCKET, Key=self._prefix + key, Body=data)

    def remove(self, key: str) -> None:
        self._client.delete_object(Bucket=seaweedfs.BUCKET, Key=self._prefix + key)


def truncated(data: bytes, draw: Draw) -> bytes:
    return data[: draw.chance.randrange(len(data))]


def flipped(data: bytes, draw: Draw) -> bytes:
    changed = bytearray(data)
    changed[draw.chance.randrange(len(data))] ^= 1 << draw.chance.randrange(8)
    return bytes(changed)


def lengthened(data: bytes, draw: Draw) -> bytes:
    return data + draw.chance.randbytes(draw.chance.randint(1, 9))


def deleted(data: bytes, draw: Draw) -> None:
    return None


def damaged(damage: Damage) -> Act:
    """Damage one object of the previous backup, verify, repair, verify again."""

    def act(stand: Stand, draw: Draw) -> Trial:
        return _judged(stand, draw, lambda data, name: damage(data, draw))

    return act


def swapped(stand: Stand, draw: Draw) -> Trial:
    """Put the object of another backup of another project in its place."""
    other = stand.stack.request(stand.source, compression="none")
    stand.run(other)
    theirs = stand.record(other)
    store = stand.services.adapters.store

    def exchange(data: bytes, name: str) -> bytes:
        return b"".join(store.read(artefact_key(theirs, name)))

    trial = _judged(stand, draw, exchange)
    stand.forget(other)
    return trial


def _judged(stand: Stand, draw: Draw, change: Callable[[bytes, str], bytes | None]) -> Trial:
    backup = stand.stack.request(stand.source)
    stand.run(backup)
    done = stand.record(backup)
    name = NAMES[draw.turn % len(NAMES)]
    key = artefact_key(done, name)
    data = b"".join(stand.services.adapters.store.read(key))
    vandal: Vandal = BucketVandal(stand) if stand.is_aws else DirectoryVandal(stand)
    _damage(vandal, key, change(data, name))
    first = _verdict(stand, done)
    vandal.put(key, data)
    second = _verdict(stand, done)
    found = []
    if first != ("integrity_failed", False):
        found.append(Finding(f"judged {first}", is_false_success=True))
    if second != ("completed", True):
        found.append(Finding(f"after repair judged {second}"))
    return Trial(backup, COMPLETED, name, faults=tuple(found))


def _damage(vandal: Vandal, key: str, data: bytes | None) -> None:
    if data is None:
        vandal.remove(key)
    else:
        vandal.put(key, data)


def _verdict(stand: Stand, done: Backup) -> tuple[str, bool]:
    """Verify as a caller would; return how that ended, and what the record says then."""
    arguments = JobArguments(backup_id=done.id)
    job = stand.services.jobs.request("test", JobKind.VERIFY, done.project_id, arguments)
    ended: Job = stand.services.job_runner("worker-1").run(job.id)
    stand.services.adapters.workflow.stop(Work.JOB, job.id)
    said = ended.error.code if ended.error else ended.status.value
    return said, stand.record(done).validated


CELLS: Final = (
    Cell("F13", "truncated at rest", damaged(truncated), weight=3),
    Cell("F13", "flipped at rest", damaged(flipped), weight=5),
    Cell("F13", "lengthened at rest", damaged(lengthened), weight=2),
    Cell("F13", "deleted at rest", damaged(deleted), weight=2),
    Cell("F13", "swapped at rest", swapped, weight=2),
)
