"""Send the parts of one upload, as many at once as the store likes.

With one at a time nothing but the caller's own thread is at work. With more, a failure is seen at
the next call, and stays: an upload that lost a part can only be given up.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from chalicelib.ports import ObjectStore, Part, Upload
from chalicelib.services.part_buffers import PartBuffer


class PartsInFlight:
    """Number the parts, send them, keep what the store acknowledged."""

    def __init__(self, store: ObjectStore, upload: Upload) -> None:
        """Send to this upload; threads start with the first part, if at all."""
        self._store = store
        self._upload = upload
        self._limit = store.limits.parts_in_flight
        self._pool = ThreadPoolExecutor(self._limit, "part") if self._limit > 1 else None
        self._flying: set[Future[Part]] = set()
        self._landed: list[Part] = []
        self.sent = 0

    def send(self, buffer: PartBuffer) -> None:
        """Send the next part; wait while too many are in flight. The buffer is ours from now on."""
        self.sent += 1
        if self._pool is None:
            self._landed.append(self._deliver(self.sent, buffer))
            return
        if len(self._flying) >= self._limit:
            wait(self._flying, return_when=FIRST_COMPLETED)
        try:
            self.check()
        except BaseException:
            buffer.close()
            raise
        self._flying.add(self._pool.submit(self._deliver, self.sent, buffer))

    def check(self) -> None:
        """Take in the parts that arrived; raise what went wrong with one, each time anew."""
        for future in [future for future in self._flying if future.done()]:
            self._landed.append(future.result())
            self._flying.discard(future)

    def all_landed(self) -> list[Part]:
        """Wait for every part and return them in order; raise what went wrong with one."""
        wait(self._flying)
        self.check()
        return sorted(self._landed, key=lambda part: part.number)

    def close(self) -> None:
        """Wait until nothing is sent any more, whatever became of it; safe to call again."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def _deliver(self, number: int, buffer: PartBuffer) -> Part:
        try:
            return self._store.upload_part(self._upload, number, buffer.content())
        finally:
            buffer.close()
