"""Which restores still read a backup: as long as there is one, nobody deletes it.

A request for a restore and a mark for deletion both change the backup's record. So of two at the
same moment the second finds another revision, reads again, and is refused. Restores are looked up
by the ids on the record and not in a list, which may lag behind.
"""

from __future__ import annotations

from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import NotFound
from chalicelib.domain.restore import Restore
from chalicelib.ports import Catalog


def restores_under_way(catalog: Catalog, backup: Backup) -> tuple[str, ...]:
    """Return the ids of the restores of a backup that were asked for and have not ended."""
    return tuple(one for one in backup.restores if _is_under_way(catalog, one))


def _is_under_way(catalog: Catalog, restore_id: str) -> bool:
    try:
        return not catalog.get(Restore, restore_id).status.is_terminal
    except NotFound:
        return False
