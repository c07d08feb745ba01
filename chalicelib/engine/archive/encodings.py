"""Tell how the text of an archive is encoded, in the words of Python."""

from __future__ import annotations

import codecs
import re
from typing import Final

from chalicelib.engine.archive.toc import Toc

_ENCODING: Final = re.compile(r"SET client_encoding = '(\w+)';\n")
_DEFAULT: Final = "utf-8"
_OTHER_NAMES: Final = {"sql_ascii": "utf-8", "koi8r": "koi8_r", "koi8u": "koi8_u", "uhc": "cp949"}
"""SQL_ASCII says that nobody knows; most such databases hold UTF-8."""


def codec_of(toc: Toc) -> str:
    """Return the codec for names and rows; what Python does not know is read as UTF-8."""
    first = next((e for e in toc.entries if e.descriptor == "ENCODING"), None)
    match = _ENCODING.fullmatch(first.definition) if first else None
    name = match[1].lower() if match else _DEFAULT
    try:
        return codecs.lookup(_OTHER_NAMES.get(name, re.sub(r"\Awin(?=\d)", "cp", name))).name
    except LookupError:
        return _DEFAULT


def readable(text: str, codec: str) -> str:
    """Return a text of the table of contents as people read it; what is no text is replaced."""
    return text.encode("utf-8", "surrogateescape").decode(codec, "replace")
