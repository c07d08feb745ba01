"""The API under the local server: answers with 10,000 backups, and the import of the app."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median

import httpx

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.record import Insert
from chalicelib.local.server import ApiServer
from chalicelib.services.projects import NewProject
from chalicelib.settings import Settings
from tests.bench.harness import Row

HISTORY = 10_000
REQUESTS = 200
P50_LIMIT_MS = 20
IMPORT_LIMIT_S = 0.6
GROWTH_LIMIT = 1.5
"""Listing costs the same however many backups exist, but for noise."""
TOKEN = "bench"


def rows() -> list[Row]:
    """Measure with a short history, then with a long one."""
    with tempfile.TemporaryDirectory() as folder:
        services = embedded(Settings(data=Path(folder)), operator_token=TOKEN)
        last = fill(services, 100)
        few = measure(services, last)
        last = fill(services, HISTORY - 100)
        many = measure(services, last)
    return [
        Row(f"GET a backup, p50, {HISTORY} backups", many["get"], "ms", P50_LIMIT_MS),
        Row(f"list 50 backups, p50, {HISTORY} backups", many["list"], "ms", P50_LIMIT_MS),
        Row(f"list 50 of a project, p50, {HISTORY} backups", many["of"], "ms", P50_LIMIT_MS),
        Row(f"list with {HISTORY} / with 100", many["list"] / few["list"], "x", GROWTH_LIMIT),
        Row("import app, median of 9", median(_import() for _ in range(9)), "s", IMPORT_LIMIT_S),
    ]


def fill(services: Services, count: int) -> Backup:
    """Store finished backups of one project; return the newest."""
    connection = Connection(Endpoint(host="localhost"), "none")
    project = services.projects.create("bench", NewProject("bench", connection, {}))
    now = services.adapters.clock.now()
    made = [
        Backup(
            id=services.adapters.ids.new(),
            project_id=project.id,
            name=f"nightly {number}",
            status=Status.COMPLETED if number % 9 else Status.FAILED,
            requested_by="bench",
            created_at=now - timedelta(minutes=count - number),
        )
        for number in range(count)
    ]
    for start in range(0, count, 500):
        services.adapters.catalog.commit([Insert(record) for record in made[start : start + 500]])
    return made[-1]


def measure(services: Services, last: Backup) -> dict[str, float]:
    """Return the p50 in ms of each kind of request over a real socket."""
    server = ApiServer(services, "127.0.0.1", 0)
    server.start()
    try:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=server.url, headers=headers) as client:
            return {
                "get": _p50_ms(lambda: client.get(f"/v1/backups/{last.id}")),
                "list": _p50_ms(lambda: client.get("/v1/backups?limit=50")),
                "of": _p50_ms(lambda: client.get(f"/v1/backups?project={last.project_id}")),
            }
    finally:
        server.stop()


def _p50_ms(request: Callable[[], httpx.Response]) -> float:
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        request().raise_for_status()
        times.append(time.perf_counter() - began)
    return median(times) * 1000


def _import() -> float:
    code = "import time; b = time.perf_counter(); import app; print(time.perf_counter() - b)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(run.stdout)
