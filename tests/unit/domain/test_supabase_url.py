"""Promises of recognising what people paste for a Supabase project."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from chalicelib.domain.connection import SslMode, parse_url
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.supabase import ApiUrl, Reached, SupabaseSettings
from chalicelib.domain.supabase_url import refuse_transaction_pooler, supabase_place

REF = "abcdefghijklmnopqrst"
POOLER = "aws-1-eu-central-1.pooler.supabase.com"


@pytest.mark.parametrize(
    "pasted",
    [
        REF,
        f"https://supabase.com/dashboard/project/{REF}",
        f"https://supabase.com/dashboard/project/{REF}/settings/database?x=1#y",
        f"https://app.supabase.com/project/{REF}",
        f"https://{REF}.supabase.co",
        f"https://{REF}.supabase.co/rest/v1/",
        f"https://{REF}.storage.supabase.co/storage/v1/s3",
    ],
)
def test_a_page_or_the_reference_is_resolved(pasted: str) -> None:
    place = supabase_place(pasted)

    assert place is not None
    assert (place.ref, place.reached, place.password) == (REF, Reached.RESOLVED, "")
    assert (place.endpoint.host, place.endpoint.port) == (f"db.{REF}.supabase.co", 5432)
    assert (place.endpoint.user, place.endpoint.sslmode) == ("postgres", SslMode.REQUIRE)


@pytest.mark.parametrize(
    ("pasted", "reached", "user", "password"),
    [
        (
            f"postgresql://postgres:pw@db.{REF}.supabase.co:5432/postgres",
            "direct",
            "postgres",
            "pw",
        ),
        (f"postgres://postgres:pw@DB.{REF}.supabase.co/postgres", "direct", "postgres", "pw"),
        (
            f"postgresql://postgres.{REF}:p%40w@{POOLER}:5432/postgres",
            "given",
            f"postgres.{REF}",
            "p@w",
        ),
        (
            f"postgresql://holdfast_reader.{REF}:[YOUR-PASSWORD]@{POOLER}/postgres",
            "given",
            f"holdfast_reader.{REF}",
            "",
        ),
    ],
)
def test_a_connection_url_says_how_to_connect(
    pasted: str, reached: str, user: str, password: str
) -> None:
    place = supabase_place(pasted)

    assert place is not None
    assert (place.ref, place.reached.value) == (REF, reached)
    assert (place.endpoint.user, place.password) == (user, password)
    assert "p@w" not in repr(place)


@pytest.mark.parametrize(
    "pasted",
    [
        f"postgresql://postgres.{REF}:canary-9@{POOLER}:6543/postgres",
        f"postgresql://postgres:canary-9@db.{REF}.supabase.co:6543/postgres",
    ],
)
def test_the_transaction_pooler_is_refused_by_naming_the_session_pooler(pasted: str) -> None:
    with pytest.raises(InvalidRequest, match="transaction pooler") as raised:
        supabase_place(pasted)

    assert "session pooler" in raised.value.hint
    assert "canary-9" not in f"{raised.value.message} {raised.value.hint}"


def test_port_6543_of_anybody_else_is_just_a_port() -> None:
    refuse_transaction_pooler(parse_url("postgresql://u:p@db.example.org:6543/shop").endpoint)

    assert supabase_place("postgresql://u:p@db.example.org:6543/shop") is None


@pytest.mark.parametrize(
    "pasted",
    [
        "postgresql://u:p@db.example.org/shop",
        f"postgresql://u:p@db.{REF}.supabase.co.example.org/shop",
        f"postgresql://u.{REF}:p@pooler.supabase.com.example.org/shop",
        f"https://{REF}.supabase.co.example.org/",
        f"https://example.org/dashboard/project/{REF}",
        REF.upper(),
        REF + "x",
        "",
    ],
)
def test_what_only_looks_like_supabase_is_none_of_it(pasted: str) -> None:
    assert supabase_place(pasted) is None


def test_a_pooled_user_without_reference_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"ROLE\.REF"):
        supabase_place(f"postgresql://postgres:p@{POOLER}:5432/postgres")


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("https://api.supabase.com", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:65535", True),
        ("http://localhost:65536", False),
        ("http://127.0.0.1", False),
        ("https://api.supabase.com/", False),
        ("https://api.supabase.com.example.org", False),
        ("http://api.supabase.com", False),
        ("http://127.0.0.1:8080@example.org", False),
        ("http://example.org:8080", False),
        ("http://127.0.0.1:8080\n", False),
    ],
)
def test_tokens_go_to_the_platform_or_to_this_machine(url: str, is_taken: bool) -> None:  # noqa: FBT001 - a table
    taker: TypeAdapter[str] = TypeAdapter(ApiUrl)

    if is_taken:
        assert taker.validate_python(url) == url
    else:
        with pytest.raises(ValidationError):
            taker.validate_python(url)


@pytest.mark.parametrize(
    ("api_url", "storage", "s3"),
    [
        (
            "https://api.supabase.com",
            f"https://{REF}.supabase.co/storage/v1",
            f"https://{REF}.storage.supabase.co/storage/v1/s3",
        ),
        (
            "http://127.0.0.1:99",
            "http://127.0.0.1:99/storage/v1",
            "http://127.0.0.1:99/storage/v1/s3",
        ),
    ],
)
def test_storage_is_found_by_the_reference(api_url: str, storage: str, s3: str) -> None:
    settings = SupabaseSettings(ref=REF, api_url=api_url)

    assert (settings.storage_url, settings.storage_s3_url) == (storage, s3)
