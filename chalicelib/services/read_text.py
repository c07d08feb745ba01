"""Read a text that lies beside a backup: only workers reach objects."""

from __future__ import annotations

from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import IntegrityFailed, InvalidRequest, NotFound
from chalicelib.domain.object_keys import artefact_key
from chalicelib.domain.stored_text import MAX_TEXT_BYTES, StoredText, texts_of
from chalicelib.ports import ObjectStore


def read_text(store: ObjectStore, backup: Backup, name: str) -> StoredText:
    """Return a text as it is stored; InvalidRequest for a name that is none of the backup's."""
    if name not in texts_of(backup):
        raise InvalidRequest("the backup has no such text", field="artefact")
    key = _key(backup, name)
    try:
        size_bytes = store.head(key).size_bytes
        data = b"".join(store.read(key, 0, min(size_bytes, MAX_TEXT_BYTES)))
    except NotFound as error:
        raise IntegrityFailed(f"{name} is not in the store any more") from error
    # cut in the middle of a letter, and whatever a reader must not stumble over
    text = data.decode("utf-8", errors="replace")
    return StoredText(
        name=name, text=text, stored_bytes=size_bytes, is_cut=size_bytes > MAX_TEXT_BYTES
    )


def _key(backup: Backup, name: str) -> str:
    named = {artefact.name: artefact.key for artefact in backup.artefacts}
    return named.get(name) or artefact_key(backup, name)
