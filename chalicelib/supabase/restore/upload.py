"""Give a project its files back: many at once, each hashed on its way in and read back.

Storage's own interface takes them, for it alone writes where the platform looks for bytes. It gives
every upload a new version and an owner of its own; what the row said before is put back afterwards.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

import httpx

from chalicelib.domain.errors import (
    Cancelled,
    IntegrityFailed,
    PermissionDenied,
    SourceLost,
    SourceUnreachable,
)
from chalicelib.domain.storage_file import StorageFile
from chalicelib.supabase.patience import patiently
from chalicelib.supabase.restore.tally import Tally

FILE: Final = "FILE"
IN_FLIGHT: Final = 16
WAITING: Final = 2 * IN_FLIGHT
"""So many at most are known at once: a listing may have millions, and memory stays flat."""

TICK_S: Final = 0.25
TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
REFUSED: Final = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_UNTYPED: Final = "application/octet-stream"


@dataclass(frozen=True)
class Door:
    """Say where files go; `pause` waits some seconds, and is what a test shortens."""

    url: str
    key: str = field(repr=False)
    is_local: bool = False
    pause: Callable[[float], object] = threading.Event().wait

    def client(self) -> httpx.Client:
        """Open as many ways as files may be under way."""
        return httpx.Client(
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT),
            headers={"authorization": f"Bearer {self.key}", "apikey": self.key},
            # a proxy of the environment does not lead to this machine
            trust_env=not self.is_local,
        )

    def require_open(self) -> None:
        """Ask for the buckets; PermissionDenied for the key, SourceUnreachable for silence."""
        try:
            with self.client() as client:
                answer = client.get(f"{self.url}/bucket")
        except httpx.TransportError as error:
            raise SourceUnreachable("Storage of the target project does not answer") from error
        if not answer.is_success:
            raise PermissionDenied(
                f"Storage of the target project refused the key with status {answer.status_code}",
                hint="Give the service_role key of the project that is restored into.",
            )


def upload(
    door: Door,
    files: Iterable[StorageFile],
    open_file: Callable[[str], Iterator[bytes]],
    tally: Tally,
    look: Callable[[int], None],
) -> None:
    """Upload the files that the backup holds, in constant memory; list those it does not.

    Raises IntegrityFailed when a stored file is not what its listing says, SourceLost when the
    platform does not take one, and whatever `look` raises, which is called several times a second.
    """
    pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="holdfast-upload")
    with door.client() as client:
        uploader = Uploader(client, door, open_file)
        try:
            _all(pool, uploader, files, tally, look)
        except BaseException:
            # whoever is under way notices at the next piece; nobody waits for a slow answer
            uploader.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()


def _all(
    pool: ThreadPoolExecutor,
    uploader: Uploader,
    files: Iterable[StorageFile],
    tally: Tally,
    look: Callable[[int], None],
) -> None:
    pending: set[Future[str]] = set()
    for file in files:
        if file.key is None:
            what = f"file {file.bucket}/{file.name}"
            tally.skip(what, f"the backup does not hold it: {file.missing}")
            continue
        pending.add(pool.submit(uploader.bring, file))
        while len(pending) >= WAITING:
            pending = _some_done(pending, tally, look)
    while pending:
        pending = _some_done(pending, tally, look)


class Uploader:
    """Bring single files; several threads may use it at once."""

    def __init__(
        self, client: httpx.Client, door: Door, open_file: Callable[[str], Iterator[bytes]]
    ) -> None:
        """Keep the parts."""
        self._client = client
        self._door = door
        self._open = open_file
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End what is under way soon, and begin nothing more."""
        self._stopped.set()

    def bring(self, file: StorageFile) -> str:
        """Upload a file and return the SHA-256 of what can be read back, empty when it is equal."""
        url = f"{self._door.url}/object/{address_of(file)}"
        self._patiently(file, lambda: self._put(file, url))
        found = self._patiently(file, lambda: self._digest(url))
        return "" if found == file.sha256 else f"{file.bucket}/{file.name}"

    def _put(self, file: StorageFile, url: str) -> str:
        # hashed on the way: the bytes that are sent are the bytes that are judged
        hashed = Hashed(self._going_on(self._open(file.key or "")))
        headers = {
            # the row came with the others, and a second try finds the bytes of the first
            "x-upsert": "true",
            "content-type": file.content_type or _UNTYPED,
            "content-length": str(file.size_bytes or 0),
        }
        headers |= {"cache-control": file.cache_control} if file.cache_control else {}
        answer = self._client.post(url, headers=headers, content=iter(hashed))
        answer.raise_for_status()
        if hashed.digest() != file.sha256:
            raise IntegrityFailed(
                f"the stored file {file.key} does not have the checksum of its listing",
                hint="Do not use this backup; restore another one.",
            )
        return hashed.digest()

    def _digest(self, url: str) -> str:
        with self._client.stream("GET", url) as answer:
            answer.raise_for_status()
            # Storage's own digest is that of its parts, so the bytes themselves are read
            return Hashed(self._going_on(answer.iter_bytes())).exhausted()

    def _going_on(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._require_going()
            yield chunk

    def _patiently(self, file: StorageFile, work: Callable[[], str]) -> str:
        try:
            return patiently(work, _may_pass, self._pause)
        except httpx.HTTPStatusError as error:
            raise _refusal(file, error.response) from error
        except httpx.RequestError as error:
            raise _unreached(file) from error

    def _pause(self, seconds: float) -> None:
        self._door.pause(seconds)
        self._require_going()

    def _require_going(self) -> None:
        if self._stopped.is_set():
            raise Cancelled("the restore ended while a file was under way")


class Hashed:
    """Pass chunks on while their hash adds up."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        """Begin with nothing."""
        self._chunks = chunks
        self._sha256 = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks."""
        for chunk in self._chunks:
            self._sha256.update(chunk)
            yield chunk

    def digest(self) -> str:
        """Return the hash of what went by."""
        return self._sha256.hexdigest()

    def exhausted(self) -> str:
        """Read to the end and return the hash."""
        for _ in self:
            pass
        return self.digest()


def address_of(file: StorageFile) -> str:
    """Return bucket and name as a path, whatever letters they hold.

    A name may have dots and empty pieces that a client would tidy away: so dots alone are escaped.
    """
    pieces = [quote(piece, safe="") for piece in (file.bucket, *file.name.split("/"))]
    return "/".join(p.replace(".", "%2E") if p.strip(".") == "" else p for p in pieces)


def _some_done(
    pending: set[Future[str]], tally: Tally, look: Callable[[int], None]
) -> set[Future[str]]:
    done, left = wait(pending, timeout=TICK_S, return_when=FIRST_COMPLETED)
    look(tally.restored[FILE])
    for future in done:
        if differing := future.result():
            tally.differ(f"file {differing}", "the bytes of the backup", "others")
        tally.restored[FILE] += 1
        tally.checked["files"] += 1
    return left


def _may_pass(error: httpx.HTTPError) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _PASSING
    return isinstance(error, httpx.TransportError)


def _refusal(file: StorageFile, answer: httpx.Response) -> PermissionDenied | SourceLost:
    where = f"file {file.bucket}/{file.name}"
    if answer.status_code in REFUSED:
        return PermissionDenied(
            f"Storage refused the key for {where}",
            hint="Give the service_role key of the project that is restored into.",
        )
    return SourceLost(
        f"Storage did not take {where}: it answered {answer.status_code}",
        hint="Look whether its bucket allows files of that size and type.",
    )


def _unreached(file: StorageFile) -> SourceLost:
    return SourceLost(
        f"Storage could not be reached for file {file.bucket}/{file.name}",
        hint="Look at the platform's status, then restore into a new project.",
    )
