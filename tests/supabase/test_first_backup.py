"""From a pasted reference to a whole backup by the reader's role, as a user of the service goes."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from httpx import WSGITransport

from chalicelib.bootstrap.services import embedded
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Status
from chalicelib.domain.reader_role import READER, supabase_reader_sql
from chalicelib.local.server import web_app
from chalicelib.services.access import NewKey
from chalicelib.settings import Settings
from tests.support.dumping import execute
from tests.support.supabase import running_stand_in

pytestmark = pytest.mark.postgres

PASSWORD = "reader-pw-canary-91"


def test_a_reference_a_token_and_the_readers_role_give_a_whole_backup(tmp_path: Path) -> None:
    services = embedded(Settings(data=tmp_path))
    _, key = services.access.create("test", NewKey("test", Role.ADMIN))
    headers = {"Authorization": f"Bearer {key}"}
    with (
        running_stand_in() as stand_in,
        httpx.Client(
            transport=WSGITransport(web_app(services)), base_url="http://h", headers=headers
        ) as client,
    ):
        stand_in.seed(users=3, files=3)
        execute(stand_in.connection, supabase_reader_sql(PASSWORD))
        body = {
            "kind": "supabase",
            "ref": stand_in.ref,
            "api_url": stand_in.api_url,
            "user": READER,
            "password": PASSWORD,
            "access_token": stand_in.access_token,
            "storage_key": stand_in.service_key,
        }
        project = client.post("/v1/projects", json=body).raise_for_status().json()["id"]

        job = client.post(f"/v1/projects/{project}/test").raise_for_status().json()["id"]
        tested = services.job_runner("worker").run(job)
        asked = client.post("/v1/backups", json={"project_id": project}).raise_for_status().json()
        backup = services.backup_runner("worker").run(asked["id"])

    assert tested.result is not None
    assert tested.result["problems"] == []
    assert (backup.status, backup.error) == (Status.COMPLETED, None)
    assert {"auth.dump", "storage.dump", "roles.sql", "functions.jsonl", "config.jsonl"} <= {
        one.name for one in backup.artefacts
    }
