"""Where objects and uploads lie below the root of a directory store.

objects/<key>                the objects
uploads/<marked key>/@<id>/  an upload under way; `@` and `%` of the key are written %40 and %25,
                             so that an upload's folder is never taken for a part of a key

The key stands in the path, so a crash at any point leaves nothing whose key is unknown.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from chalicelib.domain.errors import InvalidRequest
from chalicelib.ports import Upload

MAX_KEY_BYTES: Final = 1024  # S3's limit
MAX_SEGMENT_BYTES: Final = 250  # file systems take 255; a marked segment may not grow past it
UPLOAD_MARK: Final = "@"

_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_UPLOAD_ID: Final = re.compile(r"[a-z0-9_]{1,64}")


class ObjectPaths:
    """Turn keys into paths that cannot leave the root, and back."""

    def __init__(self, root: Path) -> None:
        """Lay everything out below this folder."""
        self.objects = root / "objects"
        self.uploads = root / "uploads"

    def of_object(self, key: str) -> Path:
        """Return where the object lies; InvalidRequest for a key that cannot be."""
        return self.objects.joinpath(*checked_segments(key))

    def of_uploads(self, key: str) -> Path:
        """Return the folder of all uploads of a key."""
        return self.uploads.joinpath(*(_marked(s) for s in checked_segments(key)))

    def of_upload(self, upload: Upload) -> Path:
        """Return the folder of one upload."""
        if not _UPLOAD_ID.fullmatch(upload.upload_id):
            raise InvalidRequest("the upload id is not one of this store", field="upload_id")
        return self.of_uploads(upload.key) / (UPLOAD_MARK + upload.upload_id)

    def upload_at(self, folder: Path) -> Upload:
        """Return the upload whose folder this is."""
        key = "/".join(_unmarked(s) for s in folder.parent.relative_to(self.uploads).parts)
        return Upload(key, folder.name.removeprefix(UPLOAD_MARK))

    def key_at(self, path: Path) -> str:
        """Return the key of the object at this path."""
        return path.relative_to(self.objects).as_posix()


def checked_segments(key: str) -> list[str]:
    """Return the key's segments; InvalidRequest when it is not a plain relative path."""
    segments = key.split("/")
    problem = _problem(key, segments)
    if problem is not None:
        raise InvalidRequest(f"a key {problem}", field="key")
    return segments


def is_key(key: str) -> bool:
    """Tell whether an object can have this key."""
    return _problem(key, key.split("/")) is None


def _problem(key: str, segments: list[str]) -> str | None:
    if _UNSAFE.search(key):
        return "may not hold control characters, backslashes or half letters"
    if any(segment in {"", ".", ".."} for segment in segments):
        return "may not have empty, '.' or '..' segments"
    too_long = any(len(_marked(s).encode()) > MAX_SEGMENT_BYTES for s in segments)
    if too_long or len(key.encode()) > MAX_KEY_BYTES:
        return f"has at most {MAX_KEY_BYTES} bytes, {MAX_SEGMENT_BYTES} in a segment"
    return None


def _marked(segment: str) -> str:
    return segment.replace("%", "%25").replace("@", "%40")


def _unmarked(segment: str) -> str:
    return segment.replace("%40", "@").replace("%25", "%")
