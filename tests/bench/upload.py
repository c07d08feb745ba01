"""Our upload to S3 against boto3's own, on the same stream and server."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median
from typing import Any

from tests.bench.harness import Row, interleaved, ratio
from tests.support.seaweedfs import running

MEGABYTES = 600
SPEED_LIMIT = 1 / 0.9
"""We hash the stream and boto3 does not; still at least 0.9 of its speed."""
RSS_LIMIT_MB = 150


def rows(repetitions: int) -> list[Row]:
    """Start a server and let both upload in turn."""
    with running() as server:
        memory: list[float] = []

        def ours() -> float:
            run = _upload(server.endpoint, "ours")
            memory.append(run["rss_mb"])
            return float(run["seconds"])

        def theirs() -> float:
            return float(_upload(server.endpoint, "boto3")["seconds"])

        ours_s, theirs_s = interleaved([ours, theirs], repetitions)
    return [
        Row("boto3 upload_fileobj", median(theirs_s), "s", note=f"{MEGABYTES} MB to SeaweedFS"),
        Row("our upload, hashed, two parts in flight", median(ours_s), "s"),
        Row("our upload / boto3", ratio(ours_s, theirs_s), "x", SPEED_LIMIT),
        Row("peak memory of our upload", max(memory), "MB", RSS_LIMIT_MB),
    ]


def _upload(endpoint: str, way: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.upload_once", endpoint, way, str(MEGABYTES)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded: dict[str, Any] = json.loads(run.stdout)
    return loaded
