"""Signed URLs: what they name, and every way to bend one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.embedded.signed_urls import (
    SignedObject,
    check_signed,
    expiry,
    signed_url,
)
from chalicelib.domain.errors import NotFound

KEY = b"k" * 32
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
IN_FIVE_MINUTES = NOW + timedelta(minutes=5)
TARGET = SignedObject("p/b/1/database.dump", "mine.dump")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def url_of(target: SignedObject = TARGET) -> str:
    return signed_url("http://host/base/", target, expires_at=IN_FIVE_MINUTES, signing_key=KEY)


def opened(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    return unquote(parts.path).partition("/objects/")[2], dict(parse_qsl(parts.query))


def test_the_url_stands_below_the_base() -> None:
    assert url_of().startswith("http://host/base/objects/p/b/1/database.dump?expires=")


@given(key=TEXT, filename=TEXT)
def test_what_was_signed_is_handed_out(key: str, filename: str) -> None:
    target = SignedObject(f"p/{key}", filename)
    url = urlsplit(url_of(target))
    path = unquote(url.path).removeprefix("/base/objects/")
    query = dict(parse_qsl(url.query, keep_blank_values=True))

    assert check_signed(path, query, now=NOW, signing_key=KEY) == target


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "9999999999"},
        {"expires": ""},
        {"expires": "soon"},
        {"filename": "other.dump"},
        {"filename": ""},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "ü"},
        {"signature": "\ud800"},
    ],
)
def test_a_changed_parameter_is_refused(change: dict[str, str]) -> None:
    key, query = opened(url_of())

    with pytest.raises(NotFound):
        check_signed(key, query | change, now=NOW, signing_key=KEY)


@pytest.mark.parametrize("name", ["expires", "filename", "signature"])
def test_a_missing_parameter_is_refused(name: str) -> None:
    key, query = opened(url_of())
    del query[name]

    with pytest.raises(NotFound):
        check_signed(key, query, now=NOW, signing_key=KEY)


@pytest.mark.parametrize("key", ["", "p/b/1/database.dumpx", "p/b/1/manifest.json", "P/B"])
def test_another_object_is_refused(key: str) -> None:
    _, query = opened(url_of())

    with pytest.raises(NotFound):
        check_signed(key, query, now=NOW, signing_key=KEY)


def test_letters_moved_between_the_fields_are_refused() -> None:
    _, query = opened(url_of(SignedObject("ab", "cd")))

    with pytest.raises(NotFound):
        check_signed("abc", query | {"filename": "d"}, now=NOW, signing_key=KEY)


def test_a_url_of_another_installation_is_refused() -> None:
    key, query = opened(url_of())

    with pytest.raises(NotFound):
        check_signed(key, query, now=NOW, signing_key=b"x" * 32)


@pytest.mark.parametrize(("seconds", "works"), [(-1, True), (0, False), (1, False)])
def test_a_url_ends_with_its_last_second(seconds: int, works: bool) -> None:  # noqa: FBT001 - a table
    key, query = opened(url_of())
    now = IN_FIVE_MINUTES + timedelta(seconds=seconds)

    if works:
        assert check_signed(key, query, now=now, signing_key=KEY) == TARGET
        return
    with pytest.raises(NotFound):
        check_signed(key, query, now=now, signing_key=KEY)


@pytest.mark.parametrize(("asked_min", "given_min"), [(1, 1), (15, 15), (16, 15), (9999, 15)])
def test_a_lifetime_is_capped(asked_min: int, given_min: int) -> None:
    expires = expiry(NOW, timedelta(minutes=asked_min))

    assert expires == NOW + timedelta(minutes=given_min)
