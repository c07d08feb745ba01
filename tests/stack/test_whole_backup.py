"""From a request over HTTP to rows in another database, with nothing scripted in between."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.domain.connection import Connection
from chalicelib.domain.execution import Work
from chalicelib.local.postgres import LocalPostgres
from tests.support.dumping import client_environment, contents, execute
from tests.support.stack import Stack
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.postgres


def project_of(api: httpx.Client, source: Connection) -> str:
    endpoint = source.endpoint
    body = {
        "name": "shop",
        "host": endpoint.host,
        "port": endpoint.port,
        "database": endpoint.database,
        "user": endpoint.user,
        "password": source.password,
        "sslmode": endpoint.sslmode,
    }
    return str(api.post("/v1/projects", json=body).raise_for_status().json()["id"])


def backed_up(api: httpx.Client, stack: Stack, source: Connection) -> dict[str, Any]:
    body = {"project_id": project_of(api, source)}
    backup_id = api.post("/v1/backups", json=body).raise_for_status().json()["id"]
    with stack.worker(Work.BACKUP, backup_id) as process:
        process.communicate(timeout=PATIENCE_S)
    shown: dict[str, Any] = api.get(f"/v1/backups/{backup_id}").raise_for_status().json()
    return shown


def downloaded(api: httpx.Client, backup_id: str) -> bytes:
    link = api.post(f"/v1/backups/{backup_id}/links", json={}).raise_for_status().json()
    return httpx.get(link["url"], follow_redirects=True).raise_for_status().content


def restored(dump: Path, target: Connection, bin_dir: Path) -> None:
    subprocess.run(
        [bin_dir / "pg_restore", "--exit-on-error", "--dbname", target.endpoint.database, dump],
        env=client_environment(target),
        check=True,
        timeout=PATIENCE_S,
    )


def test_a_backup_comes_back_through_its_link_row_by_row(
    api: httpx.Client,
    stack: Stack,
    postgres18: LocalPostgres,
    database: Callable[..., Connection],
    tmp_path: Path,
) -> None:
    source, target = database(postgres18), database(postgres18)
    execute(source, "CREATE TABLE orders AS SELECT n, md5(n::text) FROM generate_series(1, 9999) n")

    shown = backed_up(api, stack, source)
    dump = tmp_path / "database.dump"
    dump.write_bytes(downloaded(api, shown["id"]))
    restored(dump, target, postgres18.bin_dir)

    assert (shown["status"], shown["validated"], shown["rows"]) == ("completed", True, 9999)
    assert hashlib.sha256(dump.read_bytes()).hexdigest() == shown["checksum"]["value"]
    assert contents(target) == contents(source)
