"""Whatever text comes into a field that a page shows: the page keeps its shape."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import (
    Artefact,
    Backup,
    Checksum,
    Status,
    Verification,
    VerificationLevel,
)
from chalicelib.domain.errors import ErrorInfo
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Insert, Replace
from tests.dashboard.conftest import Browser
from tests.support.markup import links_of, shape_of
from tests.support.naughty import naughty_strings

PLAIN = "plain"


def _can_be_stored(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return bool(text)


TEXTS = [text for text in naughty_strings() if _can_be_stored(text)]
BATCH = 40
BATCHES = [TEXTS[start : start + BATCH] for start in range(0, len(TEXTS), BATCH)]


def _backup(services: Services, project: Project, text: str, status: Status) -> Backup:
    """Store a backup that has the text in every field that can have one."""
    now = services.ledger.clock.now()
    checked = Verification(
        level=VerificationLevel.PROOF, at=now, by=text, report=text, reasons=(text,)
    )
    artefact = Artefact(name=text, key="x", stored_bytes=1, checksum=Checksum(value=text))
    backup = Backup(
        id=services.ledger.ids.new(),
        project_id=project.id,
        name=text[:200],
        description=text[:2000],
        tags={text[:64]: text[:256]},
        requested_by=text,
        created_at=now,
        started_at=now,
        status=status,
        server_version=text,
        client_version=text,
        restore_needs=text,
        warnings=(text,),
        verification=checked,
        artefacts=(artefact,),
        error=ErrorInfo(code=text, message=text, hint=text) if status is Status.FAILED else None,
    )
    event = services.ledger.event(text, "backup.updated", backup.id, project.id, detail=text)
    services.ledger.catalog.commit([Insert(backup), event])
    return backup


@pytest.fixture
def pages_with(
    services: Services, browser: Browser, project: Project
) -> Callable[[str], list[str]]:
    """Fill every field with a text, and return the pages that show it."""

    def make(text: str) -> list[str]:
        catalog = services.ledger.catalog
        named = project.model_copy(update={"id": services.ledger.ids.new(), "name": text[:200]})
        catalog.commit([Insert(named.model_copy(update={"revision": 0}))])
        both = [_backup(services, named, text, one) for one in (Status.COMPLETED, Status.FAILED)]
        history = f"/dashboard/backups/history?project={named.id}"
        paths = [f"/dashboard/backups/{one.id}" for one in both] + [history]
        paths += [_look(services, both[0], kind, text) for kind in (JobKind.TEXT, JobKind.ROWS)]
        return [browser.see(path) for path in paths]

    return make


def _look(services: Services, backup: Backup, kind: JobKind, text: str) -> str:
    job = services.jobs.request("x", kind, backup.project_id, JobArguments(backup_id=backup.id))
    rows = {"schema_name": text, "table": text, "columns": [text], "rows": [[text]],
            "is_all": True, "read_bytes": 1}  # fmt: skip
    stored = {"name": text, "text": text, "stored_bytes": 1}
    result = stored if kind is JobKind.TEXT else rows
    ended = job.model_copy(update={"status": Status.COMPLETED, "result": result})
    services.ledger.catalog.commit([Replace(ended)])
    return f"/dashboard/backups/{backup.id}/inside/{job.id}"


@pytest.mark.parametrize("texts", BATCHES, ids=range(len(BATCHES)))
def test_no_text_changes_the_shape_of_a_page(
    pages_with: Callable[[str], list[str]], texts: list[str]
) -> None:
    plain = [_shape(page) for page in pages_with(PLAIN)]

    for text in texts:
        assert [_shape(page) for page in pages_with(text)] == plain, repr(text)


def test_no_text_becomes_an_address(pages_with: Callable[[str], list[str]]) -> None:
    pages = pages_with("javascript:alert(1)")

    leads = {link for page in pages for link in links_of(page)}

    assert {link[:1] for link in leads if link} <= {"/", "?", "#"}


def _shape(page: str) -> object:
    # the list of projects grows with each text
    return [one for one in shape_of(page) if one[0] != "option"]
