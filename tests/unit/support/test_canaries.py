"""Promises of the search for secrets: it finds planted ones, in every spelling and every sink."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.engine.environment import password_line
from tests.support.canaries import found_in, leaks
from tests.support.process_tree import TreeWatch
from tests.support.waiting import await_that

SECRET = 'canary pw:7d1f/ä"\\%+&'

SPELLINGS: dict[str, Callable[[str], str | bytes]] = {
    "plain": lambda secret: secret,
    "percent": lambda secret: quote(secret, safe=""),
    "percent, lower case": lambda secret: quote(secret, safe="").lower(),
    "percent, some": lambda secret: quote(secret, safe=':/ "'),
    "percent, all": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "percent, twice": lambda secret: quote(quote(secret)),
    "form": lambda secret: urlencode({"password": secret}),
    "plus": quote_plus,
    "json": json.dumps,
    "json in UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False),
    "json in json": lambda secret: json.dumps(json.dumps({"password": secret})),
    "json of a URL": lambda secret: json.dumps("postgresql://u:" + quote(secret)),
    "repr": repr,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "password file": password_line,
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
    "UTF-16": lambda secret: secret.encode("utf-16"),
    "base64": lambda secret: base64.b64encode(secret.encode()),
    "base64 of a header": lambda secret: base64.b64encode(f"user:{secret}".encode()),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(f"~{secret}?".encode()),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_planted_leak_is_found_in_every_spelling(spelling: str) -> None:
    written = SPELLINGS[spelling](SECRET)
    leak = written if isinstance(written, bytes) else written.encode()

    assert found_in(b"before " + leak + b" after", SECRET.encode())
    assert not found_in(b"before " + leak[: len(leak) // 2] + b" after", SECRET.encode())


@given(st.binary(max_size=5), st.binary(min_size=12, max_size=40), st.binary(max_size=5))
def test_base64_is_found_at_any_place(before: bytes, secret: bytes, after: bytes) -> None:
    assert found_in(base64.b64encode(before + secret + after), secret)


@given(st.text(max_size=200))
def test_what_was_not_planted_is_not_found(text: str) -> None:
    assert not found_in(json.dumps(text).encode(), b"canary-that-nobody-wrote")


def test_a_short_canary_is_refused() -> None:
    with pytest.raises(ValueError, match="short"):
        found_in(b"text", b"pw")


def test_a_table_names_secret_and_sink() -> None:
    planted = {"password": b"canary-password", "token": b"canary-token-1"}

    found = leaks(planted, {"log": b"hello", "record": b'{"p": "canary-password"}'})

    assert found == {("password", "record")}


def test_a_repr_that_hides_is_no_leak() -> None:
    shown = repr(Connection(Endpoint(host="h"), SECRET)).encode()

    assert not found_in(shown, SECRET.encode())


@pytest.mark.parametrize("sink", ["argv", "environ"])
def test_a_leak_to_a_grandchild_is_seen_while_it_runs(sink: str) -> None:
    secret = "canary-of-a-grandchild"
    variables = {"PATH": os.defpath, **({"PGPASSWORD": secret} if sink == "environ" else {})}
    command = [sys.executable, "-c", "input()", *([secret] if sink == "argv" else [])]
    shell = ["/bin/sh", "-c", '"$@"; true', "sh", *command]

    with subprocess.Popen(shell, stdin=subprocess.PIPE, env=variables) as process:
        with TreeWatch(process.pid) as watch:
            await_that(lambda: any(seen.pid != process.pid for seen in watch.seen.copy()))
        process.communicate(b"\n")

    grandchildren = [seen for seen in watch.seen if seen.pid != process.pid]
    assert any(found_in(getattr(seen, sink), secret.encode()) for seen in grandchildren)
