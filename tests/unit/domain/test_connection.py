"""Promises of taking connection URLs apart."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.connection import Connection, Endpoint, SslMode, parse_url, url_of
from chalicelib.domain.errors import InvalidRequest


def parsed(url: str) -> tuple[str, int, str, str, str]:
    connection = parse_url(url)
    endpoint = connection.endpoint
    return (endpoint.host, endpoint.port, endpoint.database, endpoint.user, connection.password)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:6000/d", ("h", 6000, "d", "u", "p")),
        ("postgres://u:p@h/d", ("h", 5432, "d", "u", "p")),
        ("postgresql://u@h", ("h", 5432, "u", "u", "")),
        ("postgresql://h/d", ("h", 5432, "d", "postgres", "")),
        ("postgresql:///d", ("localhost", 5432, "d", "postgres", "")),
        ("postgresql://[::1]:5/d", ("::1", 5, "d", "postgres", "")),
        ("postgresql://%2Ftmp%2Fs/d", ("/tmp/s", 5432, "d", "postgres", "")),
        ("postgresql:///d?host=/tmp/s&port=7", ("/tmp/s", 7, "d", "postgres", "")),
        ("postgresql://u:p%40%3A%2F%25@h/d%20e", ("h", 5432, "d e", "u", "p@:/%")),
        ("postgresql://h/--file%3Dx", ("h", 5432, "--file=x", "postgres", "")),
        ("postgresql://h/d?user=a&password=b", ("h", 5432, "d", "a", "b")),
    ],
)
def test_a_plain_url_is_taken_apart(url: str, expected: tuple[str, int, str, str, str]) -> None:
    assert parsed(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://h/d",
        "host=h dbname=d",
        "postgresql://h:99999/d",
        "postgresql://h:x/d",
        "postgresql://h1,h2/d",
        "postgresql:///d?host=h1,h2",
        "postgresql://h/d?service=x",
        "postgresql://h/d?hostaddr=10.0.0.1",
        "postgresql://h/d?passfile=/etc/passwd",
        "postgresql://h/d?options=-crole%3Dx",
        "postgresql://h/d?sslmode=allow",
        "postgresql://h/d?sslmode=require&sslmode=disable",
        "postgresql://h/d?broken",
        "postgresql://h/d%00e",
        "postgresql://h/d#fragment",
        "postgresql://h a/d",
        "postgresql://postgresql%3A%2F%2Fother/d",
        "postgresql://h=x/d",
        "postgresql://h/" + "d" * 300,
        "postgresql://[::1/d",
    ],
)
def test_what_a_url_does_not_plainly_say_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_url(url)


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("db.example.org", SslMode.REQUIRE),
        ("10.0.0.1", SslMode.REQUIRE),
        ("localhost", SslMode.PREFER),
        ("127.0.0.1", SslMode.PREFER),
        ("[::1]", SslMode.PREFER),
        ("%2Ftmp", SslMode.PREFER),
    ],
)
def test_tls_is_required_unless_the_server_is_this_machine(host: str, mode: SslMode) -> None:
    assert parse_url(f"postgresql://{host}/d").endpoint.sslmode is mode


def test_an_explicit_sslmode_is_kept() -> None:
    assert parse_url("postgresql://h/d?sslmode=disable").endpoint.sslmode is SslMode.DISABLE


@pytest.mark.parametrize(
    ("query", "roots"),
    [
        ("sslmode=verify-full", "system"),
        ("sslmode=verify-full&sslrootcert=/r.crt", "/r.crt"),
        ("sslmode=require", None),
    ],
)
def test_a_certificate_is_checked_against_the_named_roots_or_the_systems(
    query: str, roots: str | None
) -> None:
    assert parse_url(f"postgresql://h/d?{query}").endpoint.trusted_roots == roots


def test_a_refusal_never_repeats_the_password() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_url("postgresql://u:canary-7d1@h/d?service=x")

    assert "canary-7d1" not in f"{refused.value} {refused.value.hint} {refused.value.fields}"


def test_a_connection_never_shows_its_password() -> None:
    connection = Connection(Endpoint(host="h"), "canary-7d1")

    assert "canary-7d1" not in repr(connection)


def test_the_same_server_is_reached_at_another_database() -> None:
    other = Connection(Endpoint(host="h", database="a"), "secret").at("b")

    assert (other.endpoint.database, other.password) == ("b", "secret")


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60)


@given(user=TEXT, password=TEXT, database=TEXT)
def test_any_text_survives_percent_encoding(user: str, password: str, database: str) -> None:
    parts = [quote(part, safe="") for part in (user, password, database)]

    assert parsed(f"postgresql://{parts[0]}:{parts[1]}@h/{parts[2]}")[2:] == (
        database,
        user,
        password,
    )


TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1)
HOSTS = st.sampled_from(["db.example.org", "localhost", "::1", "/run/postgresql", "bücher.example"])


@given(
    st.builds(
        Endpoint,
        host=HOSTS,
        port=st.integers(1, 65535),
        database=TEXT.filter(lambda text: len(text) < 50),
        user=TEXT.filter(lambda text: len(text) < 50),
        sslmode=st.sampled_from(SslMode),
        sslrootcert=st.sampled_from([None, "system", "/etc/ssl/a b.pem"]),
    )
)
def test_the_url_of_an_endpoint_is_read_back_as_it_was(endpoint: Endpoint) -> None:
    assert parse_url(url_of(endpoint)) == Connection(endpoint)
