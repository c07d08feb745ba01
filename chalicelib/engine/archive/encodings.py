"""Tell how the text of an archive is encoded, in the words of Python."""

from __future__ import annotations

import re
from typing import Final

from chalicelib.engine.archive.toc import Toc

_ENCODING: Final = re.compile(r"SET client_encoding = '(\w+)';\n")
_DEFAULT: Final = "utf-8"
CODECS: Final = {
    **{f"LATIN{n}": f"iso8859-{n}" for n in (1, 2, 3, 4)},
    "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10",
    "LATIN7": "iso8859-13",
    "LATIN8": "iso8859-14",
    "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16",
    **{f"ISO_8859_{n}": f"iso8859-{n}" for n in (5, 6, 7, 8)},
    **{f"WIN{n}": f"cp{n}" for n in (866, 874, *range(1250, 1259))},
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
    "EUC_JP": "euc_jp",
    "EUC_JIS_2004": "euc_jis_2004",
    "EUC_CN": "gb2312",
    "EUC_KR": "euc_kr",
    "SJIS": "cp932",
    "SHIFT_JIS_2004": "shift_jis_2004",
    "BIG5": "big5",
    "GBK": "gbk",
    "GB18030": "gb18030",
    "JOHAB": "johab",
    "UHC": "cp949",
}
"""What is missing is read as UTF-8: SQL_ASCII means that nobody knows, and mostly it is that.

A table, and no look-up of the name: Python has codecs that are none for text."""


def codec_of(toc: Toc) -> str:
    """Return the codec for names and rows; it decodes whatever bytes there are with `replace`."""
    return CODECS.get(encoding_of(toc), _DEFAULT)


def readable(text: str, codec: str) -> str:
    """Return a text of the table of contents as people read it; what is no text is replaced."""
    return text.encode("utf-8", "surrogateescape").decode(codec, "replace")


def encoding_of(toc: Toc) -> str:
    """Return the encoding of the rows as PostgreSQL calls it."""
    first = next((e for e in toc.entries if e.descriptor == "ENCODING"), None)
    match = _ENCODING.fullmatch(first.definition) if first else None
    return match[1] if match else "UTF8"
