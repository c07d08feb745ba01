"""Cases: a schedule, made by the first case of all and looked at when it has had its minute."""

from __future__ import annotations

from tests.rehearsal.asking import ended, error_of, shown, until
from tests.rehearsal.installation import Installation


def test_a_schedule_fires_and_its_backup_completes(
    installation: Installation, nightly: str
) -> None:
    def look() -> list[dict[str, object]]:
        found = shown(installation.api.get("/v1/backups", params={"schedule": nightly}))
        return list(found["items"])

    (backup, *_) = until(look, bool)
    installation.api.delete(f"/v1/schedules/{nightly}").raise_for_status()

    done = ended(installation, f"/v1/backups/{backup['id']}")
    assert (error_of(done), done["trigger"]) == ("completed/", "scheduled")
