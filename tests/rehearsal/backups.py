"""Cases: backups, their proof, their restore, by hand and by schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.local.postgres import LocalPostgres
from tests.rehearsal.asking import (
    backed_up,
    connection_fields,
    downloaded_sha256,
    dumping,
    ended,
    error_of,
    history,
    new_project,
    requested,
    shown,
    until,
)
from tests.rehearsal.conftest import ROWS
from tests.rehearsal.installation import Installation
from tests.support.dumping import contents, execute, locked
from tests.support.ministack import ACCOUNT, REGION
from tests.support.proxy import Proxy
from tests.support.servers import free_ports

SWEEP: Final = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": ACCOUNT,
    "time": "2026-03-01T12:00:00Z",
    "region": REGION,
    "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/sweeper"],
    "detail": {},
}
"""What a rule of EventBridge with a rate sends."""


@pytest.mark.usefixtures("nightly")
def test_a_manual_backup_comes_to_a_download_whose_hash_matches(
    installation: Installation, project: str
) -> None:
    done = backed_up(installation, project)

    assert (error_of(done), done["validated"], done["rows"]) == ("completed/", True, ROWS)
    assert downloaded_sha256(installation, done["id"]) == done["checksum"]["value"]


def test_the_source_is_reached_over_tls_and_must_prove_who_it_is(
    installation: Installation, project: str
) -> None:
    job = shown(installation.api.post(f"/v1/projects/{project}/test", json={}))

    done = ended(installation, f"/v1/jobs/{job['id']}")

    assert (done["status"], done["result"]["tls"]) == ("completed", True)


def test_a_server_that_cannot_prove_who_it_is_gets_no_password(
    installation: Installation, source: Connection, stranger_certificate: Path
) -> None:
    fields = connection_fields(source, str(stranger_certificate))

    done = backed_up(installation, new_project(installation, **fields))

    assert error_of(done) == "failed/tls_failed"


def test_a_proof_restores_the_backup_and_finds_it_equal(
    installation: Installation, project: str
) -> None:
    done = backed_up(installation, project, verification="proof")

    assert (error_of(done), done["verification"]["level"]) == ("completed/", "proof")


def test_a_restore_brings_every_row_back(
    installation: Installation, project: str, source_server: LocalPostgres, source: Connection
) -> None:
    backup = backed_up(installation, project)
    execute(source_server.connection(), "CREATE DATABASE copy TEMPLATE template0")
    target = source_server.connection("copy")
    body = {"backup_id": backup["id"], "target": connection_fields(target)}
    restore = shown(installation.api.post("/v1/restores", json=body))

    done = ended(installation, f"/v1/restores/{restore['id']}")

    assert error_of(done) == "completed/"
    assert contents(target) == contents(source)


def test_a_cancelled_backup_stops_and_leaves_nothing(
    installation: Installation, project: str, source: Connection
) -> None:
    with locked(source, "orders"):
        backup_id = requested(installation, project)
        dumping(installation, backup_id)
        installation.api.post(f"/v1/backups/{backup_id}/cancel", json={}).raise_for_status()
        done = ended(installation, f"/v1/backups/{backup_id}")

    assert done["status"] == "cancelled"
    assert installation.objects_of(project, backup_id) == []


def test_a_source_that_answers_at_the_second_try_is_backed_up(
    installation: Installation, source: Connection
) -> None:
    (port,) = free_ports(1)
    there = connection_fields(source) | {"port": port}
    backup_id = requested(installation, new_project(installation, **there))
    execution = installation.execution_of("backup", backup_id)
    until(lambda: history(installation, execution), lambda text: "SourceUnreachable" in text)

    with Proxy((source.endpoint.host, source.endpoint.port), port=port):
        done = ended(installation, f"/v1/backups/{backup_id}")

    assert error_of(done) == "completed/"


def test_a_sweep_finds_nothing_that_it_cannot_mend(installation: Installation) -> None:
    found = installation.invoke("sweeper", SWEEP)

    assert all(isinstance(count, int) for count in found.values())
