"""Naughty strings in every place of every route: never a server error, never a foreign header."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.api.routes import ALL
from chalicelib.api.routing import Route
from tests.support.api_cases import ApiWorld, api_world
from tests.support.api_things import aim
from tests.support.naughty import CANARY, naughty_strings

BASES: dict[str, dict[str, Any]] = {
    "create_project": {"host": "db.example.org"},
    "request_backup": {},
    "create_key": {"name": "k", "role": "viewer"},
}
LISTS = {"components", "projects"}
PLACES = [
    (one, name)
    for one in ALL
    if "body" in one.takes
    for name in [*one.body.model_fields, *(["tag name"] if "tags" in one.body.model_fields else [])]
]
PARAMETERS = [(one, name) for one in ALL for name in one.parameters]
QUERIES = [
    (one, field.alias or name)
    for one in ALL
    if "query" in one.takes
    for name, field in one.query.model_fields.items()
]
ASKED = [
    one
    for one in ALL
    if one.name in {"show_health", "list_backups", "request_backup", "create_link", "download"}
]
HEADERS = ("AUTHORIZATION", "IDEMPOTENCY_KEY", "ACCEPT", "HOST", "X_FORWARDED_FOR", "COOKIE")


def label(value: object) -> str:
    return value.name if isinstance(value, Route) else str(value)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    with api_world(tmp_path_factory.mktemp("api")) as made:
        yield made


def ask(world: ApiWorld, one: Route, path: str, **environ: Any) -> None:
    """Send one request as a server would hand it over, and hold the answer to the promise."""
    seen: list[Any] = []
    given = {
        "REQUEST_METHOD": one.method,
        "PATH_INFO": path,
        "HTTP_AUTHORIZATION": world.headers["Authorization"],
        "wsgi.input": BytesIO(),
    } | environ
    body = b"".join(world.app(given, lambda status, headers: seen.extend([status, headers])))
    status, headers = int(seen[0][:3]), {name.lower(): value for name, value in seen[1]}
    assert status < 500, (status, given, body)
    assert status < 400 or headers["content-type"] == "application/problem+json"
    assert b"Traceback" not in body
    assert b'File "' not in body
    assert CANARY not in headers
    assert not [value for value in headers.values() if set(value) & set("\r\n\x00")]


def wire(text: str) -> str:
    """Return a text as WSGI hands it over: its bytes, each one a character."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def path_of(world: ApiWorld, one: Route) -> str:
    return one.path.format(**real_values(world, one))


def real_values(world: ApiWorld, one: Route) -> dict[str, str]:
    values = dict.fromkeys(one.parameters, "x")
    aim(values, world.things)
    return values


def body_of(world: ApiWorld, one: Route, place: str, text: str) -> bytes:
    base = dict(BASES.get(one.name, {}))
    if one.name == "request_backup":
        base["project_id"] = world.things.project()
    if place == "tag name":
        base["tags"] = {text: "value"}
    elif place == "tags":
        base["tags"] = {"name": text}
    else:
        base[place] = [text] if place in LISTS else text
    if place == "url":
        base.pop("host", None)
    return json.dumps(base).encode()


@pytest.mark.parametrize(("one", "place"), PLACES, ids=label)
def test_in_a_field_of_a_body(world: ApiWorld, one: Route, place: str) -> None:
    for text in naughty_strings():
        body = body_of(world, one, place, text)
        length, stream = str(len(body)), BytesIO(body)
        ask(
            world,
            one,
            path_of(world, one),
            **{"CONTENT_LENGTH": length, "CONTENT_TYPE": "application/json", "wsgi.input": stream},
        )


@pytest.mark.parametrize(("one", "name"), PARAMETERS, ids=label)
def test_in_a_path(world: ApiWorld, one: Route, name: str) -> None:
    values = real_values(world, one)

    for text in naughty_strings():
        ask(world, one, wire(one.path.format(**values | {name: text})))


@pytest.mark.parametrize(("one", "name"), QUERIES, ids=label)
def test_in_a_query(world: ApiWorld, one: Route, name: str) -> None:
    for text in naughty_strings():
        quoted = quote(text.encode("utf-8", "surrogatepass"))
        ask(world, one, path_of(world, one), QUERY_STRING=f"{name}={quoted}")
        ask(world, one, path_of(world, one), QUERY_STRING=f"{quoted}={name}")
        ask(world, one, path_of(world, one), QUERY_STRING=f"{name}={wire(text)}")


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("one", ASKED, ids=label)
def test_in_a_header(world: ApiWorld, one: Route, header: str) -> None:
    bearer = "Bearer " if header == "AUTHORIZATION" else ""

    for text in naughty_strings():
        ask(world, one, path_of(world, one), **{f"HTTP_{header}": bearer + wire(text)})


def test_the_corpus_is_large_and_without_doubles() -> None:
    strings = naughty_strings()

    assert len(strings) >= 180
    assert len(set(strings)) == len(strings)
    assert all(any(chr(code) in text for text in strings) for code in range(1, 128))
