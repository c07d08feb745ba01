"""Signing in and out: who gets in, for how long, and what the browser is told to keep."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.services.access import NewKey
from tests.dashboard.conftest import Browser

Anonymous = Callable[[], httpx.Client]


def test_who_has_not_signed_in_is_asked_to_and_comes_back_to_the_page(anonymous: Anonymous) -> None:
    answer = anonymous().get("/dashboard/backups/history")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/session/new?next=%2Fdashboard%2Fbackups%2Fhistory"


def test_a_valid_key_opens_a_session_and_goes_on(services: Services, anonymous: Anonymous) -> None:
    _, token = services.access.create("test", NewKey("test", Role.VIEWER))

    answer = anonymous().post("/session", data={"key": token, "next": "/dashboard/projects"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/projects")
    kept = answer.headers["set-cookie"]
    assert "HttpOnly" in kept
    assert "SameSite=Lax" in kept
    assert token not in kept


def test_a_wrong_key_is_told_beside_its_field_and_never_echoed(anonymous: Anonymous) -> None:
    answer = anonymous().post("/session", data={"key": "hf_wrong_secret"})

    assert answer.status_code == 422
    assert "this key is not valid" in answer.text
    assert "hf_wrong_secret" not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil", "/a\nb"])
def test_signing_in_never_leads_to_another_host(anonymous: Anonymous, target: str) -> None:
    answer = anonymous().get("/session/new", params={"next": target})

    assert answer.status_code == 400


def test_signing_out_ends_the_session_on_the_server_too(browser: Browser) -> None:
    cookie = dict(browser.http.cookies)

    browser.post("/session/end")
    browser.http.cookies.update(cookie)

    assert browser.http.get("/").status_code == 303


def test_a_revoked_key_ends_its_sessions(services: Services, anonymous: Anonymous) -> None:
    key, token = services.access.create("test", NewKey("test", Role.ADMIN))
    client = anonymous()
    client.post("/session", data={"key": token})

    services.access.revoke("test", key.id)

    assert client.get("/").status_code == 303


@pytest.mark.parametrize("cookie", ["x", "x.y", ".", "a.b.c", "01M8302XQPA3Q0CEQ1K9AJ3DWN."])
def test_a_made_up_cookie_is_nobody(anonymous: Anonymous, cookie: str) -> None:
    header = {"Cookie": f"holdfast_session={cookie}"}

    answer = anonymous().get("/", headers=header)

    assert answer.status_code == 303


def test_a_stale_session_in_the_browser_keeps_nobody_from_signing_in(
    services: Services, anonymous: Anonymous
) -> None:
    _, token = services.access.create("test", NewKey("test", Role.ADMIN))
    client = anonymous()
    client.cookies.set("holdfast_session", "01M8302XQPA3Q0CEQ1K9AJ3DWN.stale")

    assert client.post("/session", data={"key": token}).status_code == 303
    assert client.get("/").status_code == 200
