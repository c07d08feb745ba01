"""What the services need of the world outside, as Protocols with their contracts.

Each port states what every adapter guarantees; one contract suite per port (tests/contracts) holds
all adapters to it. Adapters translate foreign errors into `domain.errors` and never retry: retry,
where it helps, wraps a port. All of them may be called from several threads and processes at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol, TypeVar

from chalicelib.domain.audit import Notice
from chalicelib.domain.channel import ChannelAddress
from chalicelib.domain.execution import Work
from chalicelib.domain.manifest import Signature
from chalicelib.domain.message import Message
from chalicelib.domain.record import Page, Query, Record, Write

R = TypeVar("R", bound=Record)

PartData = bytes | memoryview | BinaryIO
"""The bytes of a part, or an open file that holds nothing else and is read from its start.

A view is the caller's again when the call returns."""


class Clock(Protocol):
    """Tell the time."""

    def now(self) -> datetime:
        """Return the time as aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, for measuring waits."""
        ...


class Ids(Protocol):
    """Make identifiers."""

    def new(self) -> str:
        """Return a fresh ULID: 26 letters and digits that sort by time of making."""
        ...


class Catalog(Protocol):
    """Keep records, change them by compare-and-swap, list them by index.

    Reads by id see every commit that was acknowledged before; `find` may lag behind on some
    adapters. Raises StorageFailed when the store itself fails.
    """

    def get(self, kind: type[R], record_id: str) -> R:
        """Return the record; NotFound when there is none."""
        ...

    def find(self, query: Query[R]) -> Page[R]:
        """Return one page of records, newest first.

        Cost grows with the page (at most MAX_SCAN records read), not with the collection. An
        index the kind does not have, or a limit below 1, is InvalidRequest.
        """
        ...

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none, durably.

        An Insert whose id is taken raises Conflict; a Replace or Remove whose revision is not the
        stored one raises RevisionConflict (a missing record too). On insert the stored revision is
        1, on replace one more than before; the given records are not changed. No writes at all is
        fine; two writes to one record in one commit are undefined.
        """
        ...


@dataclass(frozen=True)
class StoredObject:
    """Describe an object in the store."""

    key: str
    size_bytes: int


@dataclass(frozen=True)
class Part:
    """Name a part of an upload as the store acknowledged it."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True)
class Upload:
    """Name an upload that is under way."""

    key: str
    upload_id: str


@dataclass(frozen=True)
class PartLimits:
    """State a store's limits for parts, in bytes where they are sizes.

    `parts_in_flight` is how many parts of one upload are best sent at once.
    """

    min_part_bytes: int
    max_part_bytes: int
    max_parts: int
    parts_in_flight: int = 1


class ObjectStore(Protocol):
    """Keep immutable objects, with the semantics of S3 multipart uploads.

    An object appears whole or not at all, and no key is ever written twice. Raises StorageFailed
    when the store fails (full, unreachable, refused), NotFound for a missing key or upload,
    Conflict for a key that exists, InvalidRequest for keys, part numbers, part lists and ranges
    that cannot be. Adapters verify bytes on the wire by a checksum of their own.
    """

    limits: PartLimits

    def begin(self, key: str, *, content_type: str) -> Upload:
        """Open a multipart upload; nothing is visible under the key until it completes."""
        ...

    def upload_part(self, upload: Upload, number: int, data: PartData) -> Part:
        """Store part `number` (1…max_parts); the same number again replaces it.

        Whoever gave a file closes it; it may be given again when the call failed.
        """
        ...

    def complete(self, upload: Upload, parts: Sequence[Part], *, size_bytes: int) -> StoredObject:
        """Join the parts, ascending by number, into the object, durably.

        Refuses with IntegrityFailed when a part is not the one acknowledged or the total is not
        `size_bytes`, with StorageFailed when a part but the last is smaller than the minimum, and
        with Conflict when the key exists. Repeating a completion that succeeded returns the object.
        """
        ...

    def abort(self, upload: Upload) -> None:
        """Drop an upload with all its parts; an unknown upload is fine."""
        ...

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """List the uploads under way below a prefix."""
        ...

    def put(self, key: str, data: bytes, *, content_type: str) -> StoredObject:
        """Store a small object in one go; Conflict when the key exists."""
        ...

    def head(self, key: str) -> StoredObject:
        """Describe an object; NotFound when it is not there."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` to before `end` (None: to the end), in chunks ≤ 1 MiB.

        NotFound comes with the first chunk, not with the call.
        """
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """List the keys below a prefix, sorted."""
        ...

    def copy(self, key: str, new_key: str) -> StoredObject:
        """Give the bytes of an object a second key, inside the store.

        NotFound when there is no such object, Conflict when the new key exists. Neither depends on
        the other afterwards: deleting one leaves the other.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove an object; a missing key is fine."""
        ...

    def presign(self, key: str, *, filename: str, lifetime: timedelta, now: datetime) -> str:
        """Return a URL that serves the object as `filename` to anybody until it expires."""
        ...


class Redeemer(Protocol):
    """Redeem the tokens of links; the only part besides the workers that may read objects."""

    def redeem(self, token: str) -> str:
        """Return a signed URL; NotFound for every token that does not work."""
        ...


class Workflow(Protocol):
    """Run work in workers. At most one execution exists per (work, id)."""

    def start(self, work: Work, work_id: str) -> None:
        """Run the work soon; starting the same one again changes nothing."""
        ...

    def stop(self, work: Work, work_id: str) -> None:
        """End the execution without grace; a finished or unknown one is fine."""
        ...

    def is_running(self, work: Work, work_id: str) -> bool:
        """Tell whether the execution waits or runs; False means it will change nothing any more."""
        ...


class Secrets(Protocol):
    """Keep passwords and other secrets, encrypted, by name."""

    def put(self, name: str, value: str) -> None:
        """Store or replace a secret, durably."""
        ...

    def get(self, name: str) -> str:
        """Return a secret; NotFound when there is none, IntegrityFailed when it was tampered."""
        ...

    def delete(self, name: str) -> None:
        """Remove a secret; a missing one is fine."""
        ...


class Signer(Protocol):
    """Sign manifests and check signatures with one key pair, whose private half never leaves."""

    def sign(self, payload: bytes) -> Signature:
        """Return the signature over exactly these bytes."""
        ...

    def verify(self, payload: bytes, signature: Signature) -> None:
        """Refuse with IntegrityFailed unless our own key signed exactly these bytes.

        The public key inside the signature is not believed: it is for people without Holdfast.
        """
        ...

    @property
    def public_key(self) -> str:
        """The public key as PEM."""
        ...


class Notifier(Protocol):
    """Tell people and programs what happened."""

    def deliver(self, notice: Notice) -> None:
        """Hand one notice over; StorageFailed or SourceUnreachable when that failed."""
        ...


class Messenger(Protocol):
    """Bring messages to channels of one kind."""

    def send(self, address: ChannelAddress, message: Message) -> None:
        """Hand one message over, within seconds; ChannelFailed when it was not taken.

        What is raised, and what is logged meanwhile, holds nothing of the address.
        """
        ...


@dataclass(frozen=True)
class ScheduleEntry:
    """Say when something starts by itself, and with which input.

    `expression` is `cron(…)` with six fields, `rate(…)` or `at(…)`, in the IANA time zone;
    `window_minutes` above 0 lets the start come up to so much later.
    """

    name: str
    expression: str
    timezone: str
    input_json: str
    enabled: bool = True
    window_minutes: int = 0


class Scheduler(Protocol):
    """Start things at their time, at least once each; raises StorageFailed when it fails."""

    def put(self, entry: ScheduleEntry) -> None:
        """Store or replace an entry as a whole; InvalidRequest when its time is not understood."""
        ...

    def get(self, name: str) -> ScheduleEntry:
        """Return an entry; NotFound when there is none."""
        ...

    def delete(self, name: str) -> None:
        """Remove an entry; a missing one is fine."""
        ...

    def names(self) -> Iterator[str]:
        """List the names of all entries."""
        ...


class HostGuard(Protocol):
    """Keep connections to hosts that callers name out of the network around us."""

    def addresses(self, host: str) -> tuple[str, ...]:
        """Resolve once and return the addresses to try, in order; none unless all are public.

        The caller connects to these and resolves nothing again: a name may change in between.
        Whether a name is unknown or leads inside cannot be told from the answer or its time.
        """
        ...
