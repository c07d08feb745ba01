"""Ask libpq itself how it reads a connection URL: PQconninfoParse, through ctypes."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.metadata
from functools import cache
from pathlib import Path


class _Option(ctypes.Structure):
    # PQconninfoOption of libpq-fe.h
    _fields_ = (
        ("keyword", ctypes.c_char_p),
        ("envvar", ctypes.c_char_p),
        ("compiled", ctypes.c_char_p),
        ("val", ctypes.c_char_p),
        ("label", ctypes.c_char_p),
        ("dispchar", ctypes.c_char_p),
        ("dispsize", ctypes.c_int),
    )


class Libpq:
    """One libpq of this machine; `version` is as in 180006."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        self.version = int(library.PQlibVersion())
        self._parse = library.PQconninfoParse
        self._parse.restype = ctypes.POINTER(_Option)
        self._parse.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)]
        self._free_options = library.PQconninfoFree
        self._free_options.argtypes = [ctypes.POINTER(_Option)]
        self._free_message = library.PQfreemem
        self._free_message.argtypes = [ctypes.c_void_p]

    def fields(self, url: str) -> dict[str, str] | None:
        """Return the fields a URL names; None when libpq refuses it."""
        message = ctypes.c_void_p()
        options = self._parse(url.encode(), ctypes.byref(message))
        if not options:
            self._free_message(message)
            return None
        named = {}
        for option in options:
            if option.keyword is None:
                break
            if option.val is not None:
                named[option.keyword.decode()] = option.val.decode(errors="replace")
        self._free_options(options)
        return named


@cache
def libraries() -> tuple[Libpq, ...]:
    """Return the libpq that psycopg brings, and the system's where there is one."""
    files = importlib.metadata.files("psycopg-binary") or ()
    paths = [str(Path(str(file.locate()))) for file in files if file.name.startswith("libpq-")]
    system = ctypes.util.find_library("pq")
    return tuple(Libpq(path) for path in [*paths, *([system] if system else [])])
