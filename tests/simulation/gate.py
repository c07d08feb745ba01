"""The gate that every port call goes through: others may play first, and faults strike here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.errors import HoldfastError, SourceLost, StorageFailed
from chalicelib.domain.execution import Work
from chalicelib.domain.object_keys import attempt_prefix
from chalicelib.domain.record import Remove
from chalicelib.ports import ObjectStore
from tests.simulation.history import Event, History
from tests.simulation.plan import Fault, Kind
from tests.simulation.stage import Actor, Stage
from tests.support.crashes import Crash

CHANGING: Final = frozenset(
    {"commit", "begin", "upload_part", "complete", "abort", "put", "delete", "start", "stop"}
)
_ONLY_AT: Final = {
    Kind.STALE_LIST: "catalog.find",
    Kind.DUPLICATE: "workflow.start",
    Kind.LATE: "workflow.start",
    Kind.DROPPED: "workflow.start",
    Kind.CORRUPT: "store.upload_part",
    Kind.CHILD_DIES: "engine.dump",
    Kind.CHILD_FAILS: "engine.dump",
}


class Unexpected(Exception):
    """Be an error that no class of the product describes."""


class Terminated(BaseException):
    """Be the signal by which a supervisor asks a worker to end."""


@dataclass
class Call:
    """One call on its way to an adapter."""

    actor: Actor
    port: str
    name: str
    method: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def operation(self) -> str:
        return f"{self.port}.{self.name}"

    def perform(self) -> Any:
        """Make the call; lists come as lists, so that the whole of it happens in one turn."""
        result = self.method(*self.args, **self.kwargs)
        return iter(list(result)) if isinstance(result, Iterator) else result


@dataclass
class Gate:
    """Pass calls on, strike those that the plan names, and keep what happened."""

    stage: Stage
    history: History
    store: ObjectStore
    faults: list[Fault]
    is_held: Callable[[Backup], bool]
    struck: dict[str, Fault] = field(default_factory=dict)
    _seen: dict[str, Any] = field(default_factory=dict)
    _records: dict[str, Backup] = field(default_factory=dict)

    def call(self, port: str, name: str, method: Any, *args: Any, **kwargs: Any) -> Any:
        actor = self.stage.current
        if actor is None:  # the setting of the scene
            return method(*args, **kwargs)
        self.stage.step()
        actor.calls += 1
        call = Call(actor, port, name, method, args, kwargs)
        fault = self._strike(call)
        if fault is not None:
            self._before(call, fault)
        result = self._through(call, fault)
        if fault is not None:
            self._after(call, fault)
        return result

    def fate(self, *kinds: Kind) -> Fault | None:
        """Return what was to strike inside the current actor's call, once."""
        actor = self.stage.current
        fault = self.struck.get(actor.name) if actor else None
        if actor is None or fault is None or fault.kind not in kinds:
            return None
        return self.struck.pop(actor.name)

    def _strike(self, call: Call) -> Fault | None:
        for fault in self.faults:
            if fault.actor == call.actor.name and fault.call <= call.actor.calls:
                if not _fits(fault.kind, call):
                    continue
                self.faults.remove(fault)
                self.struck[call.actor.name] = fault
                return fault
        return None

    def _before(self, call: Call, fault: Fault) -> None:
        match fault.kind:
            case Kind.ERROR:
                self._note(call, "refused", fault)
                raise _refusal(call.port)
            case Kind.UNEXPECTED:
                self._note(call, "broke", fault)
                raise Unexpected
            case Kind.TERMINATE:
                self._note(call, "terminated", fault)
                raise Terminated
            case Kind.CRASH_BEFORE:
                self._note(call, "died", fault)
                self._die(call.actor)
            case Kind.DELAY | Kind.PAUSE:
                self.stage.sleep(fault.seconds)
            case Kind.JUMP:
                self.stage.clock.shift_s += fault.seconds
            case Kind.CORRUPT:
                call.args = (*call.args[:2], _damaged(call.args[2]))

    def _after(self, call: Call, fault: Fault) -> None:
        if fault.kind is Kind.LOST_ANSWER:
            raise _refusal(call.port)
        if fault.kind is Kind.CRASH_AFTER:
            self._die(call.actor)

    def _through(self, call: Call, fault: Fault | None) -> Any:
        question = _question(call)
        if fault is not None and fault.kind is Kind.STALE_LIST and question in self._seen:
            self._note(call, "stale", fault)
            return self._seen[question]
        cut = self._cuts_off(call)
        try:
            result = call.perform()
        except HoldfastError as error:
            self._note(call, error.code, fault)
            raise
        self._note(call, "ok", fault, cut=cut)
        if question:
            self._seen[question] = result
        return result

    def _die(self, actor: Actor) -> None:
        actor.killed = True
        raise Crash

    def _note(self, call: Call, outcome: str, fault: Fault | None, *, cut: bool = False) -> None:
        applied = outcome == "ok" and call.operation == "catalog.commit"
        writes = [w for w in call.args[0] if isinstance(w.record, Backup)] if applied else []
        gone = tuple(w.record.id for w in writes if isinstance(w, Remove))
        kept = tuple(w.record for w in writes if not isinstance(w, Remove))
        held = any(self._was_held(backup) for backup in kept)
        self._records.update({backup.id: backup for backup in kept})
        event = Event(
            at=self.stage.clock.now(),
            actor=call.actor.name,
            call=call.actor.calls,
            operation=call.operation,
            outcome=outcome,
            fault=fault.kind.value if fault else "",
            backups=kept,
            removed=gone,
            left=tuple(key for backup in kept for key in self._left(backup)),
            running=held or cut,
        )
        self.history.events.append(event)

    def _cuts_off(self, call: Call) -> bool:
        """Tell whether a call ends the execution of a worker whose lease is alive."""
        if call.operation != "workflow.stop" or call.args[0] is not Work.BACKUP:
            return False
        record = self._records.get(call.args[1])
        lease = record.lease if record else None
        if record is None or lease is None:
            return False
        return lease.expires_at > self.stage.clock.now() and self.is_held(record)

    def _was_held(self, backup: Backup) -> bool:
        # the lease that a final move ends is only in the record before it
        before = self._records.get(backup.id)
        lease = before.lease if before else None
        if before is None or lease is None or not backup.status.is_terminal:
            return False
        return lease.expires_at > self.stage.clock.now() and self.is_held(before)

    def _left(self, backup: Backup) -> list[str]:
        ended = backup.status in {Status.FAILED, Status.CANCELLED}
        if not ended or backup.chore is not None or backup.attempt == 0:
            return []
        prefix = attempt_prefix(backup)
        uploads = [upload.key for upload in self.store.uploads(prefix)]
        return [*self.store.keys(prefix), *uploads]


class Gated:
    """An adapter behind the gate."""

    def __init__(self, port: str, adapter: Any, gate: Gate) -> None:
        self._port = port
        self._adapter = adapter
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._adapter, name)
        if not callable(value):
            return value
        return lambda *args, **kwargs: self._gate.call(self._port, name, value, *args, **kwargs)


def _fits(kind: Kind, call: Call) -> bool:
    if kind is Kind.LOST_ANSWER:
        return call.name in CHANGING
    if kind is Kind.CORRUPT and call.operation == "store.upload_part":
        return str(call.args[0].key).endswith("database.dump")
    return _ONLY_AT.get(kind, call.operation) == call.operation


def _refusal(port: str) -> HoldfastError:
    if port == "engine":
        return SourceLost("the connection broke")
    return StorageFailed(f"the {port} did not answer")


def _damaged(data: memoryview) -> bytes:
    return bytes(data[:-40]) + bytes([data[-40] ^ 1]) + bytes(data[-39:])


def _question(call: Call) -> str:
    if call.operation != "catalog.find":
        return ""
    asked = call.args[0]
    return f"{asked.kind.kind} {asked.index} {asked.after_id} {asked.before_id} {asked.limit}"
