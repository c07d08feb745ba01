"""Edge functions: their sources and what is told of them, a line of JSON each."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import BytesParser
from typing import Any, Final
from urllib.parse import quote

from chalicelib.domain.errors import SourceLost
from chalicelib.supabase import management
from chalicelib.supabase.management import ManagementApi, Question

FUNCTIONS: Final = "functions.jsonl"
HASH: Final = "ezbr_sha256"


def function_lines(api: ManagementApi, known: Mapping[str, str]) -> Iterator[str]:
    """Yield a line per function, by slug; of one whose hash is in `known`, the line as it was."""
    listed = api.document(Question("the list of functions", "/functions", management.FUNCTIONS))
    for metadata in sorted(listed, key=lambda one: str(one["slug"])):
        earlier = known.get(metadata["slug"])
        if earlier is not None and _is_unchanged(metadata, json.loads(earlier)):
            # the sources of then, but what is told of them now: settings may change without these
            yield _line(metadata, json.loads(earlier)["files"], json.loads(earlier)["entrypoint"])
            continue
        answer = api.ask(_body(str(metadata["slug"])))
        files, entrypoint = sources(answer.headers.get("Content-Type", ""), answer.content)
        yield _line(metadata, files, entrypoint)


def sources(content_type: str, body: bytes) -> tuple[dict[str, str], str | None]:
    """Return the files of an un-bundled body, base64 by path, and the path to begin at.

    SourceLost for a body without files: it was cut, or came bundled all the same.
    """
    # the boundary stands in the answer's header only, and the parser wants it before the body
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + body)
    parts = [part for part in message.walk() if not part.is_multipart()]
    files = {path: _content(part) for part in parts if (path := _path(part))}
    if not message.is_multipart() or not files or message.defects:
        raise SourceLost("the sources of a function came incomplete")
    encoded = {path: base64.b64encode(content).decode() for path, content in files.items()}
    return encoded, _entrypoint(parts)


def _body(slug: str) -> Question:
    # without this header the platform sends a bundle that only it can open
    return Question(
        f"the sources of function {slug}",
        f"/functions/{quote(slug, safe='')}/body",
        management.FUNCTIONS,
        headers={"Accept": "multipart/form-data"},
    )


def _is_unchanged(metadata: Mapping[str, Any], earlier: Mapping[str, Any]) -> bool:
    digest = metadata.get(HASH)
    return bool(digest) and earlier["metadata"].get(HASH) == digest


def _line(metadata: Mapping[str, Any], files: Mapping[str, str], entrypoint: str | None) -> str:
    line = {
        "slug": metadata["slug"],
        "metadata": metadata,
        "entrypoint": entrypoint,
        "files": files,
    }
    return json.dumps(line, ensure_ascii=False)


def _path(part: Message) -> str | None:
    return part.get("Supabase-Path") or part.get_filename()


def _entrypoint(parts: list[Message]) -> str | None:
    for part in parts:
        if part.get_param("name", header="Content-Disposition") == "metadata":
            said = json.loads(_content(part))
            found = said.get("deno2_entrypoint_path")
            return None if found is None else str(found)
    return None


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
