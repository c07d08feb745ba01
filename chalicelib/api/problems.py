"""Failures as RFC 9457 problems: one total table from the code of an error to an HTTP status."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from chalice.app import Response
from pydantic import BaseModel, ConfigDict

from chalicelib.domain.errors import HoldfastError

CONTENT_TYPE: Final = "application/problem+json"
Headers = dict[str, str | list[str]]
"""Headers as Chalice takes them."""

TYPE_PREFIX: Final = "urn:holdfast:error:"

STATUS: Final = MappingProxyType(
    {
        # We are a gateway to the source: its failures are 502 and 504, whatever it calls them.
        "authentication_failed": 502,
        "cancelled": 409,
        "channel_failed": 502,
        "conflict": 409,
        "deadline_exceeded": 504,
        "dump_failed": 502,
        "forbidden": 403,
        "integrity_failed": 500,
        "internal": 500,
        "invalid_request": 400,
        "lease_lost": 409,
        "lock_timeout": 504,
        "not_found": 404,
        "not_verified": 409,
        "permission_denied": 502,
        "restore_failed": 502,
        "rate_limited": 429,
        "scratch_too_small": 507,
        "source_lost": 502,
        "source_unreachable": 502,
        "storage_failed": 503,
        "tls_failed": 502,
        "unauthenticated": 401,
        "unsupported": 422,
        "version_unsupported": 422,
        "worker_exhausted": 503,
        "worker_lost": 500,
    }
)


class FieldProblem(BaseModel):
    """Say what is wrong with one field, without repeating its value."""

    model_config = ConfigDict(frozen=True)

    field: str
    message: str


class Problem(BaseModel):
    """Describe a failure to a caller; `instance` names it in the log.

    `retry_after_s` says after how many seconds the same request is taken, as Retry-After does.
    """

    model_config = ConfigDict(frozen=True)

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    instance: str | None = None
    errors: tuple[FieldProblem, ...] | None = None
    retry_after_s: int | None = None


class Refused(Exception):
    """Carry a problem whose status or fields say more than its code does."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(problem.detail)
        self.problem = problem


def problem_of(
    error: HoldfastError,
    *,
    status: int | None = None,
    errors: tuple[FieldProblem, ...] = (),
    instance: str | None = None,
) -> Problem:
    """Describe an error; `status` replaces the table's where HTTP has a more exact one."""
    field, wait_s = error.fields.get("field"), error.fields.get("retry_after_s")
    # One field is the rule of the domain; several come from parsing a whole body at once.
    if field and not errors:
        errors = (FieldProblem(field=field, message=error.message),)
    return Problem(
        type=TYPE_PREFIX + error.code,
        title=error.code.replace("_", " "),
        status=status or STATUS[error.code],
        detail=error.message,
        code=error.code,
        hint=error.hint,
        instance=instance,
        errors=errors or None,
        retry_after_s=int(wait_s) if wait_s else None,
    )


def problem_response(problem: Problem) -> Response:
    """Write a problem as an HTTP answer."""
    headers: Headers = {"Content-Type": CONTENT_TYPE}
    # RFC 9110 wants a challenge with every 401.
    if problem.status == STATUS["unauthenticated"]:
        headers["WWW-Authenticate"] = 'Bearer realm="holdfast"'
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    return Response(problem.model_dump_json(exclude_none=True), headers, problem.status)
