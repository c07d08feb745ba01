"""Every failure Holdfast can end in, as one tree.

HoldfastError
├── SourceError: the database or the way to it
│   ├── SourceUnreachable, AuthenticationFailed, TlsFailed, PermissionDenied
│   └── VersionUnsupported, LockTimeout, SourceLost
├── KeepingError: what was made, or the place it is kept in
│   ├── StorageFailed, IntegrityFailed, ScratchTooSmall, RestoreFailed, NotVerified
├── RunError: the run itself
│   ├── DumpFailed, WorkerLost, WorkerExhausted, LeaseLost
│   └── DeadlineExceeded, Cancelled, ChannelFailed, Internal
└── RequestError: what was asked for
    ├── Unsupported, InvalidRequest, Unauthenticated, Forbidden
    └── NotFound, Conflict, RevisionConflict, RateLimited

The class name is what a state machine matches, `code` is what a caller sees. API status and exit
code are total tables over the codes. Messages name things of the caller, never the network behind.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class ErrorInfo(BaseModel):
    """Describe a failure as it is stored and shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: str
    hint: str


class HoldfastError(Exception):
    """Carry a stable code, a sentence, a hint to act on, and fields for programs."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    default_hint: ClassVar[str] = "Look at the worker's log for this id, then try again."

    def __init__(self, message: str, *, hint: str | None = None, **fields: str) -> None:
        """Keep the sentence; `hint` replaces the class's own."""
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint
        self.fields = fields

    @property
    def info(self) -> ErrorInfo:
        """The failure as a value for records and answers."""
        return ErrorInfo(code=self.code, message=self.message, hint=self.hint)


class SourceError(HoldfastError):
    """Group failures of the database or of the way to it."""


class SourceUnreachable(SourceError):
    """The server did not answer, or the database is not there."""

    code = "source_unreachable"
    retryable = True
    # one hint for all causes: a name that the host guard refuses must look like one that is unknown
    default_hint = (
        "Check host, port and database name, and that this machine may reach them;"
        " where the host guard is on, only public addresses are."
    )


class AuthenticationFailed(SourceError):
    """The server refused the user or the password."""

    code = "authentication_failed"
    default_hint = "Check user and password; if they were changed at the server, give the new ones."


class TlsFailed(SourceError):
    """No TLS session with the asked-for guarantees could be made."""

    code = "tls_failed"
    default_hint = "Give the server's root certificate, or choose another sslmode if you accept it."


class PermissionDenied(SourceError):
    """The role may not read something that belongs in the backup."""

    code = "permission_denied"
    default_hint = "Grant the role pg_read_all_data (and BYPASSRLS where row security is on)."


class VersionUnsupported(SourceError):
    """No client at hand can serve this server version."""

    code = "version_unsupported"
    default_hint = "Install PostgreSQL client tools of the server's major version or newer."


class LockTimeout(SourceError):
    """Another session held a lock on a table for too long."""

    code = "lock_timeout"
    retryable = True
    default_hint = "Find the session that holds the lock (pg_blocking_pids), then try again."


class SourceLost(SourceError):
    """The connection broke after the dump had begun."""

    code = "source_lost"
    retryable = True
    default_hint = "Check the server's log for a restart or a terminated session, then try again."


class KeepingError(HoldfastError):
    """Group failures of what was made or of the place it is kept in."""


class StorageFailed(KeepingError):
    """The object store refused or lost something."""

    code = "storage_failed"
    retryable = True
    default_hint = "Check free space and permissions of the object store, then try again."


class IntegrityFailed(KeepingError):
    """Bytes are not what they should be."""

    code = "integrity_failed"
    default_hint = "Do not use this file; take a new backup and keep the older ones."


class ScratchTooSmall(KeepingError):
    """The working space does not hold what a step needs."""

    code = "scratch_too_small"
    default_hint = "Give the worker more scratch space, or point it to a larger disk."


class RestoreFailed(KeepingError):
    """The target refused some of what a restore brings."""

    code = "restore_failed"
    default_hint = "Mend what the report names, empty the target, then restore again."


class NotVerified(KeepingError):
    """Nothing is known to be wrong, and the check that was asked for has not been passed."""

    code = "not_verified"
    default_hint = "Read the reasons, mend them, then take a new backup."


class RunError(HoldfastError):
    """Group failures of a run itself."""


class DumpFailed(RunError):
    """The dump program gave up for a reason that no other class describes."""

    code = "dump_failed"
    default_hint = (
        "Read the reason; pg_dump run by hand against the same database shows all it says."
    )


class WorkerLost(RunError):
    """The worker ended without a word."""

    code = "worker_lost"
    default_hint = "The worker was killed or its machine stopped; start the backup again."


class WorkerExhausted(RunError):
    """The system gave the worker no more files, memory, processes or threads."""

    code = "worker_exhausted"
    default_hint = (
        "Give the worker more memory, raise its limits of open files and processes"
        " (ulimit -n, ulimit -u), or let less run beside it."
    )


class LeaseLost(RunError):
    """Another worker took the step over, so this one must stop."""

    code = "lease_lost"
    default_hint = "Nothing to do: another worker goes on with this backup."


class DeadlineExceeded(RunError):
    """A step took longer than it may."""

    code = "deadline_exceeded"
    default_hint = "Raise the deadline, or leave large tables to a backup of their own."


class Cancelled(RunError):
    """Somebody asked for the run to stop."""

    code = "cancelled"
    default_hint = "Nothing was kept; start a new backup when it suits."


class ChannelFailed(RunError):
    """A notice could not be handed to its channel."""

    code = "channel_failed"
    retryable = True
    default_hint = "Check the channel's URL and that its receiver works, then test the channel."


class Internal(RunError):
    """Something happened that no other class describes."""


class RequestError(HoldfastError):
    """Group failures of what was asked for."""


class Unsupported(RequestError):
    """The request is understood, and this version cannot do it."""

    code = "unsupported"
    default_hint = "Choose one of the options this version offers."


class InvalidRequest(RequestError):
    """The request does not say what it must, or says what it must not."""

    code = "invalid_request"
    default_hint = "Correct the named field and send the request again."


class Unauthenticated(RequestError):
    """No valid key came with the request."""

    code = "unauthenticated"
    default_hint = "Send a valid API key as 'Authorization: Bearer …'."


class Forbidden(RequestError):
    """The key is valid, and its role does not reach this far."""

    code = "forbidden"
    default_hint = "Use a key with a higher role."


class NotFound(RequestError):
    """There is no such thing in the caller's sight."""

    code = "not_found"
    default_hint = "Check the id; it may have been deleted or belong to another project."


class Conflict(RequestError):
    """The thing is in a state that does not allow this."""

    code = "conflict"
    default_hint = "Read the current state and decide again."


class RevisionConflict(Conflict):
    """A record changed between reading and writing; read it again and decide again."""

    retryable = True


class RateLimited(RequestError):
    """The caller asked for more in a short time than is allowed; `retry_after_s` is a field."""

    code = "rate_limited"
    retryable = True
    default_hint = "Wait for the seconds of Retry-After, then send the request again."


def all_errors() -> tuple[type[HoldfastError], ...]:
    """List every class of the tree, for the tables that must be total over it."""
    found: list[type[HoldfastError]] = []
    pending: list[type[HoldfastError]] = [HoldfastError]
    while pending:
        current = pending.pop()
        found.append(current)
        pending.extend(current.__subclasses__())
    return tuple(found)


CODES: tuple[str, ...] = tuple(sorted({error.code for error in all_errors()}))

BY_CODE: dict[str, type[HoldfastError]] = {
    **{error.code: error for error in all_errors()},
    # several classes share these two codes; whoever reads a code means the plain ones
    Internal.code: Internal,
    Conflict.code: Conflict,
}
