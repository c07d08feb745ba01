"""Cases: the gate before a migration, as the state machine that pipelines call."""

from __future__ import annotations

import json

from chalicelib.domain.connection import Connection
from tests.rehearsal.asking import backup_of, connection_fields, new_project, settled
from tests.rehearsal.installation import Installation

GATE = "pre-migration"


def test_a_verified_backup_lets_the_migration_pass(
    installation: Installation, project: str
) -> None:
    execution = installation.started(GATE, {"project": project, "migration": "0042"})

    passed = settled(installation, execution)

    assert passed["status"] == "SUCCEEDED", passed
    backup = backup_of(installation, json.loads(passed["output"])["backup_id"])
    assert (backup["migration_id"], backup["gate"]["verdict"]) == ("0042", "pass")


def test_a_backup_that_fails_refuses_the_migration(
    installation: Installation, source: Connection
) -> None:
    refused = connection_fields(source) | {"password": "rotated-canary-71"}
    project_id = new_project(installation, **refused)

    ended = settled(installation, installation.started(GATE, {"project": project_id}))

    assert (ended["status"], ended["error"]) == ("FAILED", "AuthenticationFailed"), ended
    assert "canary" not in json.dumps(ended, default=str)


def test_a_project_that_is_not_there_refuses_the_migration(installation: Installation) -> None:
    nobody = {"project": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}

    ended = settled(installation, installation.started(GATE, nobody))

    assert (ended["status"], ended["error"]) == ("FAILED", "NotFound"), ended
