from __future__ import annotations

from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from app import app
from chalicelib.api.routes import ALL
from chalicelib.api.routing import Route
from chalicelib.dashboard.pages import ALL as PAGES

pytestmark = pytest.mark.embedded_only  # the document is made of the code alone


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    loaded: dict[str, Any] = client.get("/v1/openapi.json").json()
    return loaded


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)

    assert document["openapi"] == "3.1.0"


def test_every_route_of_the_application_is_in_the_document(document: dict[str, Any]) -> None:
    served = {(method, path) for path, methods in app.routes.items() for method in methods}

    assert set(operations(document)) == served - {(one.method, one.path) for one in PAGES}


@pytest.mark.parametrize("route", ALL, ids=lambda r: r.name)
def test_every_operation_says_what_it_needs_and_answers(
    document: dict[str, Any], route: Route
) -> None:
    operation = operations(document)[route.method, route.path]

    expected: list[dict[str, list[str]]] = [] if route.allow.role is None else [{"apiKey": []}]
    assert operation["summary"]
    assert operation["security"] == expected
    assert str(route.success.status) in operation["responses"]
    assert {p["name"] for p in operation["parameters"] if p["in"] == "path"} == set(
        route.parameters
    )


def test_every_error_is_described_as_a_problem(document: dict[str, Any]) -> None:
    errors = [
        response
        for operation in operations(document).values()
        for status, response in operation["responses"].items()
        if status >= "400"
    ]

    assert errors
    assert all(list(e["content"]) == ["application/problem+json"] for e in errors)


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document).values()]

    assert len(names) == len(set(names))


def test_filters_are_parameters_under_their_public_names(document: dict[str, Any]) -> None:
    parameters = operations(document)["GET", "/v1/backups"]["parameters"]

    assert [p["name"] for p in parameters] == [
        *("limit", "cursor", "project", "status", "type", "trigger", "schedule"),
        *("from", "to", "q"),
    ]


def test_passwords_are_written_only(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    showing = [name for name, s in schemas.items() if "password" in s.get("properties", {})]

    assert sorted(showing) == ["ProjectCreate", "ProjectPatch", "RestoreTargetFields"]
    assert "writeOnly" in str(schemas["ProjectCreate"]["properties"]["password"])


def test_no_status_is_answered_that_the_document_does_not_name(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    unnamed = []

    for (method, path), operation in operations(document).items():
        concrete = path.format_map(
            dict.fromkeys(("project_id", "backup_id", "job_id", "restore_id", "schedule_id"), "x")
            | {"link_id": "x", "key_id": "x", "channel_id": "x", "name": "x", "token": "x.y"}
        )
        for body in ({}, {"unknown": 1}):
            answer = client.request(method, concrete, json=body)
            if str(answer.status_code) not in operation["responses"]:
                unnamed.append((method, path, answer.status_code))

    assert unnamed == []


def test_a_body_is_required_only_where_it_must_say_something(document: dict[str, Any]) -> None:
    required = {
        operation["operationId"]
        for operation in operations(document).values()
        if operation.get("requestBody", {}).get("required")
    }

    assert required == {
        *("create_project", "update_project", "request_backup", "update_backup", "create_key"),
        *("create_schedule", "update_schedule"),
        *("preflight_restore", "request_restore", "create_channel", "change_channel"),
        "preview_retention",
        "accept_retention",
        "show_table_rows",
    }


def test_the_document_states_the_bounds_of_names_and_numbers(document: dict[str, Any]) -> None:
    fields = document["components"]["schemas"]["ProjectCreate"]["properties"]

    assert fields["tags"]["additionalProperties"] is False
    assert fields["tags"]["propertyNames"] == {"maxLength": 64}
    assert {"minimum": 1, "maximum": 65535, "type": "integer"} in fields["port"]["anyOf"]


def test_every_operation_may_be_limited(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        assert operation["responses"]["429"]["headers"]["Retry-After"]["required"]
