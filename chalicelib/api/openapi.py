"""The OpenAPI 3.1 document, made from the same routes and models that serve requests."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, Literal

from pydantic import BaseModel, RootModel, ValidationError
from pydantic.json_schema import models_json_schema

from chalicelib.api.problems import CONTENT_TYPE, STATUS, Problem
from chalicelib.api.requests.backups import OptionFields, VerifyRequest
from chalicelib.api.requests.fields import without_null
from chalicelib.api.requests.restores import RestoreRequest
from chalicelib.api.requests.schedules import ScheduleFields
from chalicelib.api.routing import RECORDS, PlainText, Route

Json = dict[str, Any]

REF_TEMPLATE: Final = "#/components/schemas/{model}"
SECURITY_SCHEME: Final = "apiKey"
DESCRIPTION: Final = (
    "Back up PostgreSQL databases, follow the runs, and hand out what came of them. "
    "Errors are problems of RFC 9457 with a stable `code` and a `hint`. "
    "Lists are ordered by creation, newest first, and paged by opaque cursors."
)
RATE_LIMITED: Final = STATUS["rate_limited"]
REASONS: Final = {
    400: "The request cannot be taken; `errors` names the fields.",
    401: "No valid API key was sent.",
    403: "The key's role or reach does not suffice.",
    404: "There is no such thing in the caller's sight.",
    409: "The thing is in a state that does not allow this.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "The request is understood, and this version cannot do it.",
    429: "Too many requests in a short time; `Retry-After` says when to send this again.",
    500: "Something unexpected happened; `instance` names it in the log.",
    503: "The store behind the service failed.",
}


CAN_ASK_TOO_MUCH: Final = (OptionFields, RestoreRequest, ScheduleFields, VerifyRequest)
"""Requests that may name what this version cannot do."""


class Document(RootModel[Json]):
    """Be an OpenAPI document."""


@cache
def document(routes: tuple[Route, ...], version: str) -> Document:
    """Describe the routes."""
    schemas = _schemas(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    # Queries are spelled out as parameters; as schemas they would only confuse.
    unwanted_models: set[type[BaseModel]] = {PlainText, *(route.query for route in routes)}
    for unwanted in unwanted_models:
        schemas.pop(unwanted.__name__, None)
    return Document(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Holdfast",
                "version": version,
                "summary": "PostgreSQL backups, proven by reading them back",
                "description": DESCRIPTION,
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            # relative to this document, so that it holds below a stage of API Gateway too
            "servers": [{"url": ".."}],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {SECURITY_SCHEME: {"type": "http", "scheme": "bearer"}},
            },
        }
    )


def _schemas(routes: tuple[Route, ...]) -> dict[str, Json]:
    inputs = {model for route in routes for model in (route.body, route.query)}
    outputs: set[type[BaseModel]] = {Problem} | {r.returns for r in routes if r.returns}
    wanted: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = []
    # sets have no order, and the document must read the same each time
    wanted += [(model, "validation") for model in sorted(inputs, key=_name)]
    wanted += [(model, "serialization") for model in sorted(outputs, key=_name)]
    _, definitions = models_json_schema(wanted, ref_template=REF_TEMPLATE)
    return dict(definitions["$defs"])


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _operation(route: Route, schemas: dict[str, Json]) -> Json:
    summary, description = route.documentation
    operation: Json = {
        "operationId": route.name,
        "summary": summary,
        "tags": [route.path.removeprefix("/v1").split("/")[1].removesuffix(".json")],
        "security": [] if route.allow.role is None else [{SECURITY_SCHEME: []}],
        "parameters": _parameters(route, schemas),
        "responses": _responses(route),
    }
    if description:
        operation["description"] = description
    if route.allow.role is not None:
        operation["x-required-role"] = route.allow.role.value
    if "body" in route.takes:
        content = {"application/json": {"schema": _reference(route.body)}}
        operation["requestBody"] = {"required": _needs_fields(route.body), "content": content}
    return operation


def _needs_fields(body: type[BaseModel]) -> bool:
    # No body counts as an object without fields, which is all that some requests need.
    try:
        body.model_validate({})
    except ValidationError:
        return True
    return False


def _parameters(route: Route, schemas: dict[str, Json]) -> list[Json]:
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in route.parameters
    ]
    if "query" in route.takes:
        properties: dict[str, Json] = schemas[route.query.__name__]["properties"]
        found += [
            # a query has no null: leaving a parameter out is how to say nothing
            {"name": name, "in": "query", "schema": without_null(schema)}
            for name, schema in properties.items()
        ]
    if "idempotency_key" in route.takes:
        schema: Json = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"}
        found.append({"name": "Idempotency-Key", "in": "header", "schema": schema})
    return found


def _responses(route: Route) -> dict[str, Json]:
    responses = {str(route.success.status): _success(route)}
    problem = {CONTENT_TYPE: {"schema": _reference(Problem)}}
    for status in sorted(_problem_statuses(route)):
        responses[str(status)] = {"description": REASONS[status], "content": problem}
    seconds = {"schema": {"type": "integer", "minimum": 1}}
    responses[str(RATE_LIMITED)]["headers"] = {"Retry-After": {"required": True, **seconds}}
    return responses


def _success(route: Route) -> Json:
    success: Json = {"description": route.documentation[0] + "."}
    if route.returns is PlainText:
        success["content"] = {"text/plain": {"schema": {"type": "string"}}}
    elif route.returns is not None:
        success["content"] = {"application/json": {"schema": _reference(route.returns)}}
    if route.success.location is not None or route.redirects:
        location = {"schema": {"type": "string", "format": "uri-reference"}}
        success["headers"] = {"Location": {"required": True, **location}}
    return success


def _problem_statuses(route: Route) -> set[int]:
    # What the dispatcher answers everywhere, then what depends on the route.
    statuses = {400, 413, 415, RATE_LIMITED, 500, 503}
    if route.allow.role is not None:
        statuses |= {401, 403}
    names_records = route.body.model_fields.keys() & RECORDS.keys()
    if route.parameters or names_records or "query" in route.takes:
        statuses.add(404)
    if route.method != "GET":
        statuses.add(409)
    if issubclass(route.body, CAN_ASK_TOO_MUCH):
        statuses.add(422)
    return statuses


def _reference(model: type[BaseModel]) -> Json:
    return {"$ref": REF_TEMPLATE.format(model=model.__name__)}
