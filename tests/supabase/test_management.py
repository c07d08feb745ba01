"""Promises of the client of the Management API, against the stand-in's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from chalicelib.domain.errors import (
    AuthenticationFailed,
    HoldfastError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    SourceUnreachable,
)
from chalicelib.domain.supabase import SupabaseSettings
from chalicelib.local.supabase.http_server import StandInServer, Trouble
from chalicelib.local.supabase.management_api import Platform, management_routes
from chalicelib.supabase.config_sections import CONFIG_SECTIONS
from chalicelib.supabase.management import FUNCTIONS, ManagementApi, Question
from chalicelib.supabase.patience import MAX_PAUSE_S, TRIES

REF = "abcdefghijklmnopqrst"
TOKEN = "sbp_canary-token-5"
LIST = Question("the edge functions", "/functions", FUNCTIONS)


@dataclass
class Stage:
    """A platform with its server, and a client whose pauses are written down."""

    platform: Platform
    server: StandInServer
    pauses: list[float] = field(default_factory=list)

    def api(self, ref: str = REF, token: str = TOKEN) -> ManagementApi:
        settings = SupabaseSettings(ref=ref, api_url=self.server.url)
        now = datetime(2026, 3, 1, tzinfo=UTC)
        return ManagementApi(settings, token, self.pauses.append, lambda: now)

    def in_the_way(self, *troubles: Trouble) -> None:
        self.server.troubles.extend(troubles)


@pytest.fixture
def stage() -> Iterator[Stage]:
    platform = Platform(
        REF, TOKEN, "service", "18.6", database=("127.0.0.1", 1), pooler=("127.0.0.1", 2)
    )
    with ExitStack() as stack:
        server = StandInServer(management_routes(platform), ())
        stack.callback(server.close)
        yield Stage(platform, server)


def refused(stage: Stage, question: Question = LIST, **client: str) -> HoldfastError:
    with stage.api(**client) as api, pytest.raises(HoldfastError) as raised:
        api.ask(question)
    assert TOKEN not in f"{raised.value.message} {raised.value.hint}"
    return raised.value


def test_the_project_and_its_pooler_are_told(stage: Stage) -> None:
    with stage.api() as api:
        info, pooler = api.project(), api.pooler()

    assert (info.ref, info.version, info.is_paused) == (REF, "18.6", False)
    assert (pooler.host, pooler.port, pooler.user) == ("127.0.0.1", 2, f"postgres.{REF}")


def test_every_section_of_the_configuration_is_told(stage: Stage) -> None:
    with stage.api() as api:
        told = {name: api.document(question) for name, question in CONFIG_SECTIONS.items()}

    assert told == stage.platform.configs


def test_a_wrong_token_is_no_way_in(stage: Stage) -> None:
    error = refused(stage, token="sbp_wrong")

    assert isinstance(error, AuthenticationFailed)
    assert stage.pauses == []


def test_an_unknown_reference_is_not_found(stage: Stage) -> None:
    assert isinstance(refused(stage, ref="z" * 20), NotFound)


def test_a_missing_scope_is_named(stage: Stage) -> None:
    stage.platform.scopes = frozenset({"projects:read"})

    error = refused(stage)

    assert isinstance(error, PermissionDenied)
    assert "edge_functions:read" in error.message
    assert "edge_functions_read" in error.hint


@pytest.mark.parametrize(
    ("after", "pauses"),
    [
        ({"Retry-After": "7"}, [7.0]),
        ({"Retry-After": "Sun, 01 Mar 2026 00:00:09 GMT"}, [9.0]),
        ({"Retry-After": "soon"}, [1.0]),
        ({}, [1.0]),
    ],
)
def test_who_asked_too_often_waits_as_told(
    stage: Stage, after: dict[str, str], pauses: list[float]
) -> None:
    stage.in_the_way(Trouble("/functions", 429, headers=after))

    with stage.api() as api:
        answer = api.document(LIST)

    assert (answer, stage.pauses) == ([], pauses)


def test_who_is_told_to_wait_for_long_gives_up(stage: Stage) -> None:
    stage.in_the_way(Trouble("/functions", 429, headers={"Retry-After": str(int(MAX_PAUSE_S) + 1)}))

    assert isinstance(refused(stage), SourceUnreachable)
    assert stage.pauses == []


def test_failures_of_the_platform_are_survived_so_often(stage: Stage) -> None:
    stage.in_the_way(Trouble("/functions", 500, times=TRIES - 1))

    with stage.api() as api:
        assert api.document(LIST) == []

    assert stage.pauses == [1.0, 2.0, 4.0, 8.0]


def test_failures_without_end_are_told(stage: Stage) -> None:
    stage.in_the_way(Trouble("/functions", 502, times=99))

    error = refused(stage)

    assert isinstance(error, SourceUnreachable)
    assert len(stage.server.asked) == TRIES


def test_what_may_not_be_repeated_is_asked_once(stage: Stage) -> None:
    stage.in_the_way(Trouble("/functions/deploy", 500, times=99))

    refused(stage, Question("the deployment", "/functions/deploy", FUNCTIONS, method="POST"))

    assert len(stage.server.asked) == 1


def test_an_api_that_is_not_there_is_unreachable(stage: Stage) -> None:
    stage.server.close()

    assert isinstance(refused(stage), SourceUnreachable)


def test_a_refused_change_is_the_callers(stage: Stage) -> None:
    auth = CONFIG_SECTIONS["auth"]
    change = Question(auth.what, auth.path, auth.scope, "PATCH", json={"no_such_field": 1})

    assert isinstance(refused(stage, change), InvalidRequest)


def test_an_answer_that_is_not_understood_is_said_so(stage: Stage) -> None:
    stage.in_the_way(Trouble("pooler", 200, body={"db_host": "example.org"}))

    with stage.api() as api, pytest.raises(HoldfastError, match="not understood"):
        api.pooler()


def test_functions_come_back_as_they_were_deployed(stage: Stage) -> None:
    files = [
        ("metadata", (None, '{"entrypoint_path": "index.ts"}', "application/json")),
        ("file", ("index.ts", b"export {};\n", "application/typescript")),
        ("file", ("data/t.bin", bytes(range(256)), "application/octet-stream")),
    ]
    deploy = Question(
        "it", "/functions/deploy", FUNCTIONS, "POST", query={"slug": "f"}, files=files
    )
    body = Question("it", "/functions/f/body", FUNCTIONS, headers={"Accept": "multipart/form-data"})

    with stage.api() as api:
        api.ask(deploy)
        told = api.ask(body)

    assert bytes(range(256)) in told.content
    assert b"Supabase-Path: data/t.bin" in told.content
    assert stage.platform.functions["f"].files["data/t.bin"] == bytes(range(256))
