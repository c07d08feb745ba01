"""Requests into models: bodies and queries, strictly, and never an echo of what was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeVar

from chalice.app import Request
from pydantic import BaseModel, ValidationError

from chalicelib.api.problems import FieldProblem, Refused, problem_of
from chalicelib.domain.errors import InvalidRequest

MAX_BODY_BYTES: Final = 64 * 1024
MAX_FIELD_PROBLEMS: Final = 20
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_IDEMPOTENCY_KEY: Final = re.compile(r"[\x20-\x7e]{1,200}")

M = TypeVar("M", bound=BaseModel)


def parse_body(model: type[M], request: Request) -> M:
    """Read a JSON body; an empty one counts as an object without fields."""
    raw = request.raw_body
    if len(raw) > MAX_BODY_BYTES:
        raise too_large()
    # Requests without fields are often sent without a body, by curl as by browsers.
    if not raw:
        raw = b"{}"
    elif not _is_json(request.headers.get("content-type", "application/json")):
        raise Refused(
            problem_of(
                InvalidRequest(
                    "the body is not declared as JSON",
                    hint="Send the header Content-Type: application/json.",
                ),
                status=415,
            )
        )
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _refused(error, "body") from error


def parse_query(model: type[M], values: Mapping[str, list[str]]) -> M:
    """Read the query; a parameter that is unknown or given twice is refused."""
    repeated = tuple(
        FieldProblem(field=_shown(name), message="is given more than once")
        for name, given in values.items()
        if len(given) > 1
    )
    if repeated:
        raise Refused(problem_of(InvalidRequest("the query cannot be taken"), errors=repeated))
    try:
        return model.model_validate({name: given[0] for name, given in values.items()})
    except ValidationError as error:
        raise _refused(error, "query") from error


def query_values(request: Request) -> dict[str, list[str]]:
    """Return all values of all parameters."""
    given = request.query_params
    return {name: given.getlist(name) for name in given} if given is not None else {}


def parse_idempotency_key(request: Request) -> str | None:
    """Return the Idempotency-Key header, if any: 1 to 200 printable ASCII characters."""
    key: str | None = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest(
            "the idempotency key is not 1 to 200 printable ASCII characters",
            hint="Use a fresh UUID per backup you want.",
            field="Idempotency-Key",
        )
    return key


def too_large() -> Refused:
    """Be the answer to every body over the limit."""
    error = InvalidRequest(
        f"the body is larger than {MAX_BODY_BYTES} bytes",
        hint="Requests describe backups, they never carry data.",
    )
    return Refused(problem_of(error, status=413))


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _refused(error: ValidationError, where: str) -> Refused:
    # By default pydantic repeats the input, which may be a URL with a password.
    found = error.errors(include_url=False, include_input=False, include_context=False)
    fields = tuple(
        FieldProblem(
            field=".".join(_shown(part) for part in one["loc"]) or where,
            message=sentence(one["msg"]),
        )
        for one in found[:MAX_FIELD_PROBLEMS]
    )
    return Refused(problem_of(InvalidRequest(f"the {where} cannot be taken"), errors=fields))


def _shown(part: object) -> str:
    # A location may hold keys that the caller made up; only what looks like a name is repeated.
    return str(part) if _IDENTIFIER.fullmatch(str(part)) else "(key)"


def sentence(message: str) -> str:
    """Return what pydantic says of a value in our own form: small letter first, no full stop."""
    text = message.removeprefix("Value error, ").removesuffix(".")
    return text[:1].lower() + text[1:]
