"""Cases: what starts by itself. The schedule was made by the first case, for its minute to pass."""

from __future__ import annotations

import json

from tests.rehearsal.asking import Shown, ended, error_of, shown, until
from tests.rehearsal.installation import Installation
from tests.rehearsal.packaging import STAGE


def started_by(installation: Installation, **query: str) -> Shown:
    """Return the first backup that such a query finds, once there is one."""

    def look() -> list[Shown]:
        return list(shown(installation.api.get("/v1/backups", params=query))["items"])

    (backup, *_) = until(look, bool)
    return backup


def test_an_event_starts_the_backup_that_it_describes(
    installation: Installation, project: str
) -> None:
    detail = {"project_id": project, "name": "rehearsed-7", "tags": {"batch": "7"}}
    entry = {
        "Source": f"holdfast.{STAGE}",
        "DetailType": "Backup requested",
        "Detail": json.dumps(detail),
    }
    installation.client("events").put_events(Entries=[entry])

    backup = started_by(installation, q="rehearsed-7")

    done = ended(installation, f"/v1/backups/{backup['id']}")
    assert (error_of(done), done["tags"]) == ("completed/", {"batch": "7"})


def test_a_schedule_fires_and_its_backup_completes(
    installation: Installation, nightly: str
) -> None:
    backup = started_by(installation, schedule=nightly)
    installation.api.delete(f"/v1/schedules/{nightly}").raise_for_status()

    done = ended(installation, f"/v1/backups/{backup['id']}")
    assert (error_of(done), done["trigger"]) == ("completed/", "scheduled")
