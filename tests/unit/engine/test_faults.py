"""What PostgreSQL says, and which error it becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import (
    AuthenticationFailed,
    HoldfastError,
    Internal,
    LockTimeout,
    PermissionDenied,
    SourceLost,
    SourceUnreachable,
    TlsFailed,
    VersionUnsupported,
    WorkerExhausted,
)
from chalicelib.engine.faults import scrub, translate

CONNECTION = Connection(Endpoint(host="db.example", database="shop", user="backup"), "s3cret!")
AT = 'connection to server at "db.example" (203.0.113.7), port 5432 failed: '


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("28P01", AuthenticationFailed),
        ("28000", AuthenticationFailed),
        ("3D000", SourceUnreachable),
        ("53300", SourceUnreachable),
        ("57P03", SourceUnreachable),
        ("08006", SourceUnreachable),
    ],
)
def test_a_state_decides_in_any_language(state: str, error: type[HoldfastError]) -> None:
    found = translate("etwas ging schief", CONNECTION, started=False, state=state)

    assert type(found) is error


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("42501", PermissionDenied),
        ("55P03", LockTimeout),
        ("57P01", SourceLost),
        ("57P02", SourceLost),
        ("08006", SourceLost),
        ("40001", SourceLost),
        ("57014", SourceLost),
        ("25P03", SourceLost),
        ("XX000", Internal),
        ("22012", Internal),
    ],
)
def test_after_the_start_a_state_may_mean_another_error(
    state: str, error: type[HoldfastError]
) -> None:
    found = translate("etwas ging schief", CONNECTION, started=True, state=state)

    assert type(found) is error


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (AT + 'FATAL:  password authentication failed for user "backup"', AuthenticationFailed),
        (AT + 'FATAL:  no pg_hba.conf entry for host "198.51.100.2"', AuthenticationFailed),
        (AT + "fe_sendauth: no password supplied", AuthenticationFailed),
        (AT + "FATAL:  Tenant or user not found", AuthenticationFailed),
        (AT + 'FATAL:  database "shop" does not exist', SourceUnreachable),
        (AT + "FATAL:  sorry, too many clients already", SourceUnreachable),
        (AT + "could not create socket: Too many open files", WorkerExhausted),
        (AT + "FATAL:  out of memory", SourceUnreachable),
        ("pg_dump: error: out of memory\n", WorkerExhausted),
        ("out of memory\n", WorkerExhausted),
        (AT + "Connection refused", SourceUnreachable),
        (AT + "timeout expired", SourceUnreachable),
        (AT + "server closed the connection unexpectedly", SourceUnreachable),
        (AT + "received invalid response to SSL negotiation: H", SourceUnreachable),
        (AT + "FATAL:  the database system is starting up", SourceUnreachable),
        ("failed to resolve host 'db.example': Name or service not known", SourceUnreachable),
        (AT + "server does not support SSL, but SSL was required", TlsFailed),
        (AT + "SSL error: certificate verify failed", TlsFailed),
        (AT + "SSL error: tlsv1 alert protocol version", TlsFailed),
        (AT + "SSL error: unexpected eof while reading", SourceUnreachable),
        (AT + "SSL error: wrong version number", SourceUnreachable),
        (AT + "SSL error: packet length too long", SourceUnreachable),
        (AT + "received unencrypted data after SSL response", SourceUnreachable),
        ('root certificate file "/x" does not exist', TlsFailed),
        ('sslmode value "require" invalid when SSL support is not compiled in', TlsFailed),
        ("something nobody ever said", SourceUnreachable),
    ],
)
def test_before_a_session_nothing_of_the_network_is_told(
    text: str, error: type[HoldfastError]
) -> None:
    found = translate(text, CONNECTION, started=False)

    assert type(found) is error
    assert not any(part in str(found) for part in ("203.0", "198.51", "5432", "negotiation"))


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (
            (
                "pg_dump: error: query failed: ERROR:  permission denied for table secret\n"
                "pg_dump: detail: Query was: LOCK TABLE public.secret IN ACCESS SHARE MODE"
            ),
            PermissionDenied,
            "public.secret",
        ),
        (
            'ERROR:  query would be affected by row-level security policy for table "people"',
            PermissionDenied,
            "people",
        ),
        (
            (
                "pg_dump: error: ERROR:  canceling statement due to statement timeout\n"
                "pg_dump: detail: Query was: LOCK TABLE public.busy IN ACCESS SHARE MODE"
            ),
            LockTimeout,
            "public.busy",
        ),
        ("ERROR:  canceling statement due to conflict with recovery", SourceLost, "cancelled"),
        (
            "pg_dump: error: aborting because of server version mismatch",
            VersionUnsupported,
            "newer",
        ),
        ("pg_dump: error: SSL SYSCALL error: EOF detected", SourceLost, "ended"),
        ("FATAL:  terminating connection due to administrator command", SourceLost, "ended"),
        ("pg_dump: error: could not import the requested snapshot", SourceLost, "snapshot"),
        ("pg_dump: error: out of memory", WorkerExhausted, "no more memory"),
        ("pg_dump: error: something is odd", Internal, "something is odd"),
        ("", Internal, "nothing"),
    ],
)
def test_after_the_start_the_object_or_reason_is_named(
    text: str, error: type[HoldfastError], says: str
) -> None:
    found = translate(text, CONNECTION, started=True)

    assert type(found) is error
    assert says in str(found)


@given(st.text())
def test_no_sentence_holds_the_password_or_an_address(noise: str) -> None:
    text = f"pg_dump: error: {noise} s3cret! 203.0.113.7 fe80::1:2 {noise}"

    said = scrub(text, CONNECTION.password) + str(translate(text, CONNECTION, started=True))

    assert not any(part in said for part in ("s3cret!", "203.0.113.7", "fe80::1:2"))


@given(st.text())
def test_a_reason_is_one_short_printable_line(noise: str) -> None:
    reason = scrub(noise)

    assert reason.isprintable()
    assert len(reason) <= 200
