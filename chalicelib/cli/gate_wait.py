"""Wait for the backup behind a gate: not forever, and not for a service that is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.cli.service import Service, raise_unless_completed
from chalicelib.domain.errors import (
    BY_CODE,
    Cancelled,
    Conflict,
    DeadlineExceeded,
    HoldfastError,
    Internal,
    NotVerified,
    SourceUnreachable,
)
from chalicelib.domain.gate import Verdict
from chalicelib.ports import Clock

LOST_FOR_S: Final = 60.0
"""How long a service may be gone or busy while its backup runs: a restart, a new version."""
JOB_ENDED: Final = {"completed", "failed", "cancelled"}
Look = Callable[[dict[str, Any]], None]
Run = dict[str, Any]


@dataclass
class GateWait:
    """Watch what the service does for a gate until the gate's time is over."""

    service: Service
    clock: Clock
    timeout_s: float
    deadline: float = field(init=False)
    heard_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin the gate's time."""
        self.heard_at = self.clock.monotonic()
        self.deadline = self.heard_at + self.timeout_s

    def job(self, job_id: str) -> Run:
        """Return a job that has ended; its error is raised."""
        ended = self._until(f"/v1/jobs/{job_id}", lambda job: job["status"] in JOB_ENDED)
        raise_unless_completed(ended, "job")
        return dict(ended["result"] or {})

    def backup(self, backup_id: str, look: Look) -> Run:
        """Return the backup once it passes; raise what refuses it, DeadlineExceeded when late.

        A backup that nobody waits for any more is cancelled: its locks would stand in the way.
        """

        def is_judged(run: Run) -> bool:
            look(run)
            return _verdict(run) is not Verdict.WAIT

        with self._cancelling(backup_id):
            judged = self._until(f"/v1/backups/{backup_id}", is_judged)
        # an answer about another backup lets nothing run
        if _verdict(judged) is Verdict.PASS and judged["id"] == backup_id:
            return judged
        raise _refusal(backup_id, judged["gate"].get("error") or {})

    def _until(self, path: str, is_enough: Callable[[Run], bool]) -> Run:
        latest: Run = {}

        def has_come() -> bool:
            heard = self._heard(path)
            latest.update(heard)
            if heard and is_enough(latest):
                return True
            self._require_time()
            return False

        self.service.work_until(has_come)
        return latest

    def _heard(self, path: str) -> Run:
        try:
            run: Run = self.service.request("GET", path)
        except HoldfastError as error:
            if not error.retryable or self.clock.monotonic() - self.heard_at > LOST_FOR_S:
                raise
            return {}  # gone or busy: asked again until then
        self.heard_at = self.clock.monotonic()
        return run

    def _require_time(self) -> None:
        if self.clock.monotonic() >= self.deadline:
            raise DeadlineExceeded(
                f"there is no verified backup after {self.timeout_s:.0f} s",
                hint="Give it more --timeout; the estimate says how much it may need.",
            )

    @contextmanager
    def _cancelling(self, backup_id: str) -> Iterator[None]:
        try:
            yield
        except (DeadlineExceeded, Cancelled, KeyboardInterrupt):
            # it may have ended this very moment, or its service be gone: it is refused anyway
            with suppress(Conflict, SourceUnreachable):
                self.service.request("POST", f"/v1/backups/{backup_id}/cancel", body={})
            raise


def _verdict(run: Mapping[str, Any]) -> Verdict:
    gate = run.get("gate")
    if not isinstance(gate, dict) or gate.get("verdict") not in set(Verdict):
        raise NotVerified(
            "the service does not say whether the migration may run",
            hint="Its version is older than that of this command; update it.",
        )
    return Verdict(gate["verdict"])


def _refusal(backup_id: str, info: Mapping[str, str]) -> HoldfastError:
    kind = BY_CODE.get(info.get("code", ""), Internal)
    message = info.get("message", "no reason is known")
    return kind(f"backup {backup_id}: {message}", hint=info.get("hint") or None)
