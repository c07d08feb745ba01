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

from chalicelib.adapters.store_rules import checked_segments
from chalicelib.domain.errors import InvalidRequest
from chalicelib.ports import Upload

UPLOAD_MARK: Final = "@"

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


def _marked(segment: str) -> str:
    return segment.replace("%", "%25").replace("@", "%40")


def _unmarked(segment: str) -> str:
    return segment.replace("%40", "@").replace("%25", "%")
