"""The texts that lie beside a backup for people to read: recovery, manifest, proofs."""

from __future__ import annotations

import re
from typing import Final

from chalicelib.domain.backup import Artefact, Backup, Value
from chalicelib.domain.object_keys import MANIFEST, RECOVERY

MAX_TEXT_BYTES: Final = 64 << 10
"""What is shown of a text: as JSON it may grow, and must fit into the record of a job."""

# marked by the run that made it: the generation of its lease, or the id of a later job
_REPORT: Final = re.compile(r"proof(-[0-9A-Z]{1,26})?\.(txt|json)")


class StoredText(Value):
    """Hold a text as it is stored; `is_cut` where it is longer than what is shown."""

    name: str
    text: str
    stored_bytes: int
    is_cut: bool = False


def texts_of(backup: Backup) -> tuple[str, ...]:
    """Return the names of the texts that a completed backup has, the most useful first."""
    reports = [one.name for one in backup.artefacts if is_report(one)]
    return (RECOVERY, *reversed(reports), MANIFEST)


def is_report(artefact: Artefact) -> bool:
    """Tell whether an artefact is the report of a proof."""
    return _REPORT.fullmatch(artefact.name) is not None
