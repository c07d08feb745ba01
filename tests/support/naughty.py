"""Strings that break programs: made by kind, from the rules of what commonly goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

CANARY: Final = "x-planted"
"""The name of a header that no answer may ever have."""

BIDIRECTIONAL: Final = "\u202e\u202d\u2066\u2067\u2069\u200f"
INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e"
SPACES: Final = "\u00a0\u2003\u2028\u2029\u3000\u0085"
WORDS: Final = (
    "null",
    "nil",
    "None",
    "undefined",
    "NaN",
    "Infinity",
    "-0",
    "true",
    "false",
    "0x7f",
    "1e309",
    "00",
    "-1",
    "9223372036854775808",
    "constructor",
    "__proto__",
    "hasOwnProperty",
    "CON",
    "PRN",
    "NUL",
    "COM1",
    "..",
    ".",
    "~",
    "$HOME",
    "%TEMP%",
    "*",
)
INJECTIONS: Final = (
    "'; DROP TABLE records; --",
    "' OR '1'='1",
    '" OR ""="',
    "1; SELECT pg_sleep(10)",
    "'||(SELECT version())||'",
    "\\'; COMMIT; --",
    "$$; DROP SCHEMA public CASCADE; $$",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "<!--#exec cmd='id'-->",
    "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
    "{{7*7}} ${7*7} <%= 7*7 %> #{7*7}",
    "${jndi:ldap://127.0.0.1/a}",
    "$(id) `id` | id ; id && id",
    "() { :;}; id",
    "%s%s%s%n%x%d",
    "{0.__class__.__init__.__globals__}",
    "{} {0} {name} {!r:>99999}",
    "%(password)s",
    "--file=/tmp/x",
    "-f/tmp/x",
    "@/etc/passwd",
    "=1+1",
    "host=127.0.0.1 dbname=postgres",
    "postgresql://u:p@127.0.0.1/db?host=127.0.0.2",
)
PATHS: Final = (
    "../" * 12 + "etc/passwd",
    "..\\..\\windows\\win.ini",
    "....//....//etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%252e%252e%252f",
    "/etc/passwd",
    "//evil.example/x",
    "file:///etc/passwd",
    "\\\\evil.example\\share",
    "a/b/c",
    "a?b=c",
    "a#b",
    "a;b=c",
    ".\x00.png",
)
SPLITTERS: Final = (
    f"a\r\n{CANARY}: 1",
    f"a\n{CANARY}: 1",
    f"a\r{CANARY}: 1",
    f"a\r\n\r\n<html>{CANARY}",
    f"a%0d%0a{CANARY}: 1",
    f"a\u560d\u560a{CANARY}: 1",  # low bytes of CR and LF, for whoever cuts characters short
    f"a\u2028{CANARY}: 1",
)
SURROGATES: Final = ("\ud800", "\udfff", "a\udc80b", "\udc00\ud800", "\ud83d", "\ude00\ud83d")
SCRIPTS: Final = (
    "日本語のデータベース",
    "Ελληνικά",
    "ПриветМир",
    "שלום עולם",
    "مرحبا بالعالم",
    "ภาษาไทย",
    "e\u0301\u0301\u0301",
    "\u0301",
    "ﷺ",
    "İıſßŉǰΐ",
    "ﬁ①½",
    "\uff21\uff24\uff2d\uff29\uff2e",
    "\u0430dmin",  # Cyrillic in front
    "😀👩‍👩‍👧‍👦🏳️‍🌈",
    "\U0010ffff\ufffe\uffff",
    "Z" + "\u0300\u0316" * 100,
)
IDENTIFIERS: Final = (
    "01JD0000000000000000000000",
    "01jd0000000000000000000000",
    "8" * 26,
    "Z" * 26,
    "0" * 64,
    "0" * 65,
    "backup#01JD",
    "project_id#x",
    "key:1",
    "rate-bucket#starts:key:1",
    "objects/keys/signing.key",
    "hf_x_y",
    "a.b",
    ".",
    "..",
    "{backup_id}",
    "+",
    " ",
    "%",
    "%zz",
    "%00",
)


@cache
def naughty_strings() -> tuple[str, ...]:
    """Return all of them, each once."""
    return tuple(dict.fromkeys(_all()))


def _all() -> Iterator[str]:
    yield ""
    yield "".join(chr(code) for code in range(1, 128))
    yield from (f"a{chr(code)}b" for code in (*range(32), 127, *range(0x80, 0xA0)))
    yield from (f"a{mark}b" for mark in BIDIRECTIONAL + INVISIBLE + SPACES)
    yield from WORDS
    yield from (*INJECTIONS, *PATHS, *SPLITTERS, *SURROGATES, *SCRIPTS, *IDENTIFIERS)
    yield from (letter * count for letter in ("a", "é", "😀") for count in (201, 256, 5000))
    yield "[" * 2000
    yield '{"a":' * 500
