"""Plant secrets that are easy to recognise, and find them however something wrote them down.

A leak is seldom verbatim: URLs are percent-encoded, logs and answers are JSON (or JSON in JSON),
headers and tokens are base64, dumps of bytes are hex. Rather than guess which letters a writer
escaped, the text is unescaped in each way, and the secret searched in every reading of it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

ESCAPE: Final = re.compile(rb"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
CONTROLS: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0"}
MIN_LETTERS: Final = 12
"""Anything shorter would be found by chance."""


def found_in(text: bytes, secret: bytes) -> bool:
    """Tell whether the secret stands in the text, in any of its spellings."""
    if len(secret) < MIN_LETTERS:
        raise ValueError("a canary this short proves nothing")
    wanted = tuple(_spellings(secret))
    return any(spelling in reading for reading in _readings(text) for spelling in wanted)


def leaks(planted: Mapping[str, bytes], sinks: Mapping[str, bytes]) -> frozenset[tuple[str, str]]:
    """Return each pair of a secret's name and the name of a sink that holds it."""
    return frozenset(
        (secret, sink)
        for sink, text in sinks.items()
        for secret, value in planted.items()
        if found_in(text, value)
    )


def _readings(text: bytes) -> Iterator[bytes]:
    yield text
    once = ESCAPE.sub(_unescaped, text)
    yield once
    yield ESCAPE.sub(_unescaped, once)
    yield unquote_to_bytes(text)
    yield unquote_to_bytes(text.replace(b"+", b" "))
    yield unquote_to_bytes(unquote_to_bytes(text))
    yield unquote_to_bytes(once)


def _spellings(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield secret.decode(errors="replace").encode("utf-16-le")
    for offset in range(3):
        core = _base64_core(secret, offset)
        yield core
        yield core.translate(bytes.maketrans(b"+/", b"-_"))


def _base64_core(secret: bytes, offset: int) -> bytes:
    """Return the letters that the secret alone decides when `offset` bytes come before it."""
    encoded = base64.b64encode(b"\0" * offset + secret)
    return encoded[-(-8 * offset // 6) : 8 * (offset + len(secret)) // 6]


def _unescaped(match: re.Match[bytes]) -> bytes:
    body = match[1]
    if len(body) == 1:
        return CONTROLS.get(body, body)
    code = int(body[1:], 16)
    return bytes([code]) if body[:1] == b"x" else chr(code).encode(errors="surrogatepass")
