"""Cases: what breaks on AWS, each ending in a record that says so."""

from __future__ import annotations

import signal

import pytest

from chalicelib.domain.connection import Connection
from tests.rehearsal.adaptation import keys_of
from tests.rehearsal.asking import (
    backed_up,
    backup_of,
    connection_fields,
    dumping,
    ended,
    error_of,
    history,
    new_project,
    requested,
    settled,
    until,
)
from tests.rehearsal.installation import Installation
from tests.rehearsal.roles import LOOKING, WORKER_ID, allow_again, deny
from tests.support.dumping import locked
from tests.support.s3_faults import Fault, FaultyS3, refuse

SLEEPER = "tests.support.sleeping_function.handler"
NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def test_a_worker_that_is_killed_leaves_a_failed_backup_and_no_objects(
    installation: Installation, project: str, source: Connection
) -> None:
    with locked(source, "orders"):
        backup_id = requested(installation, project)
        dumping(installation, backup_id)
        installation.signal_workers(signal.SIGKILL)
        done = ended(installation, f"/v1/backups/{backup_id}")

    assert error_of(done) == "failed/worker_lost"
    assert installation.objects_of(project, backup_id) == []


def test_a_function_that_runs_out_of_time_leaves_a_failed_backup(
    installation: Installation, project: str
) -> None:
    with installation.worker_with(Timeout=8, Handler=SLEEPER):
        done = backed_up(installation, project)

    execution = installation.execution_of("backup", done["id"])
    assert error_of(done) == "failed/deadline_exceeded"
    assert "Sandbox.Timedout" in history(installation, execution)


@pytest.mark.parametrize("machine", ["backup", "restore", "job"])
def test_an_id_that_nobody_knows_ends_the_execution_and_changes_nothing(
    installation: Installation, machine: str
) -> None:
    execution = installation.started(machine, {"work": machine, "id": NOBODY})

    found = settled(installation, execution)

    assert (found["status"], found["error"]) == ("FAILED", "NotFound"), found


def test_a_second_execution_of_a_backup_that_ended_changes_nothing(
    installation: Installation, project: str
) -> None:
    done = backed_up(installation, project)
    again = installation.started("backup", {"work": "backup", "id": done["id"]})

    found = settled(installation, again)

    assert backup_of(installation, done["id"]) == done
    assert found["status"] == "SUCCEEDED", found


def test_a_second_execution_beside_the_first_leaves_the_backup_to_it(
    installation: Installation, project: str, source: Connection
) -> None:
    with locked(source, "orders"):
        backup_id = requested(installation, project)
        dumping(installation, backup_id)
        second = installation.started("backup", {"work": "backup", "id": backup_id})
        ousted = settled(installation, second)
        assert backup_of(installation, backup_id)["status"] == "in-progress"

    assert (ousted["status"], ousted["error"]) == ("FAILED", "LeaseLost"), ousted
    assert error_of(ended(installation, f"/v1/backups/{backup_id}")) == "completed/"


def test_a_bucket_that_refuses_the_worker_fails_the_backup(
    installation: Installation, project: str
) -> None:
    with installation.worker_with(keys_of(installation.doubles[LOOKING])):
        done = backed_up(installation, project)

    assert error_of(done) == "failed/storage_failed"


def test_a_role_that_lacks_a_permission_fails_the_backup(
    installation: Installation, project: str
) -> None:
    worker = installation.doubles[WORKER_ID]
    deny(installation.server, worker, "kms:Sign")
    try:
        done = backed_up(installation, project)
    finally:
        allow_again(installation.server, worker)

    assert error_of(done) == "failed/storage_failed"
    assert "refused us" in done["error"]["message"]


def test_a_disabled_signing_key_fails_the_backup_before_it_is_sealed(
    installation: Installation, project: str
) -> None:
    key = installation.outputs["SigningKeyArn"]
    installation.client("kms").disable_key(KeyId=key)
    try:
        done = backed_up(installation, project)
    finally:
        installation.client("kms").enable_key(KeyId=key)

    assert error_of(done) == "failed/storage_failed"
    assert "key" in done["error"]["message"]
    assert installation.objects_of(project, done["id"]) == []


THROTTLED = refuse(400, "ProvisionedThroughputExceededException")


def test_a_table_that_throttles_until_the_machine_gives_up_fails_the_backup(
    installation: Installation, project: str
) -> None:
    writes = [Fault(name, THROTTLED, times=10_000) for name in ("UpdateItem", "TransactWriteItems")]
    with (
        FaultyS3(installation.server.port, writes) as table,
        installation.worker_with({"HOLDFAST_AWS_ENDPOINT": table.endpoint}),
    ):
        backup_id = requested(installation, project)
        execution = installation.execution_of("backup", backup_id)
        until(lambda: history(installation, execution), lambda text: '"fail"' in text)
        table.faults.clear()
        done = ended(installation, f"/v1/backups/{backup_id}")

    assert error_of(done) == "failed/storage_failed"


def test_a_secret_that_somebody_deleted_fails_the_backup(
    installation: Installation, source: Connection
) -> None:
    project_id = new_project(installation, **connection_fields(source))
    secrets = installation.client("secretsmanager")
    (name,) = (
        one["Name"] for one in secrets.list_secrets()["SecretList"] if project_id in one["Name"]
    )
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    done = backed_up(installation, project_id)

    assert error_of(done) == "failed/not_found"
