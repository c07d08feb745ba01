"""Edge functions as the stand-in's Management API takes and gives them: multipart both ways."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from typing import Any, Final

MILLISECONDS_OF_2025: Final = 1_735_689_600_000
BOUNDARY: Final = "stand-in-of-a-function"


@dataclass(frozen=True)
class EdgeFunction:
    """Hold one function: what is told of it, and its sources by path."""

    slug: str
    files: Mapping[str, bytes]
    entrypoint_path: str = "index.ts"
    verify_jwt: bool = True
    version: int = 1

    @property
    def digest(self) -> str:
        """The change test: a hash over all sources."""
        whole = hashlib.sha256()
        for path, content in sorted(self.files.items()):
            whole.update(f"{path}\0{len(content)}\0".encode() + content)
        return whole.hexdigest()

    @property
    def metadata(self) -> dict[str, Any]:
        """What the list says."""
        return {
            "id": hashlib.sha256(self.slug.encode()).hexdigest()[:32],
            "slug": self.slug,
            "name": self.slug,
            "status": "ACTIVE",
            "version": self.version,
            "created_at": MILLISECONDS_OF_2025,
            "updated_at": MILLISECONDS_OF_2025 + self.version,
            "verify_jwt": self.verify_jwt,
            "import_map": False,
            "entrypoint_path": f"file:///src/{self.entrypoint_path}",
            "import_map_path": None,
            "ezbr_sha256": self.digest,
        }


def multipart_of(function: EdgeFunction) -> tuple[bytes, str]:
    """Return the un-bundled sources and their content type."""
    metadata = json.dumps({"deno2_entrypoint_path": function.entrypoint_path})
    parts = [(b'name="metadata"', b"", metadata.encode())]
    for path, content in function.files.items():
        disposition = f'name="file"; filename="{path}"'.encode()
        parts.append((disposition, f"Supabase-Path: {path}\r\n".encode(), content))
    body = b"".join(
        b"--%b\r\nContent-Disposition: form-data; %b\r\n%b\r\n%b\r\n"
        % (BOUNDARY.encode(), disposition, header, content)
        for disposition, header, content in parts
    )
    return body + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"


def opaque_bundle(function: EdgeFunction) -> bytes:
    """Return what comes without asking for sources: bytes that only the platform can open."""
    return b"ESZIP2.3" + function.digest.encode()


def deployed(
    slug: str, earlier: EdgeFunction | None, content_type: str, body: bytes
) -> EdgeFunction | None:
    """Return the function that a deployment describes; None where it does not say enough."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parsed = BytesParser().parsebytes(head + body)
    parts = [part for part in parsed.get_payload() if isinstance(part, Message)]
    named = {str(part.get_param("name", header="Content-Disposition")): part for part in parts}
    files = {
        str(part.get_filename()): _content(part)
        for part in parts
        if part.get_filename() is not None
    }
    if not slug or not files or "metadata" not in named:
        return None
    said = json.loads(_content(named["metadata"]))
    return EdgeFunction(
        slug,
        files,
        entrypoint_path=said["entrypoint_path"],
        verify_jwt=said.get("verify_jwt", True),
        version=earlier.version + 1 if earlier else 1,
    )


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
