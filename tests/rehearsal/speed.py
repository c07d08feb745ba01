"""A case by itself: a rehearsed backup beside `holdfast dump` of the same database.

    python -m tests.rehearsal speed.py --gigabytes 1

Both dump, store, and read back what they stored; both end with the same signed manifest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from chalicelib.local.postgres import LocalPostgres
from tests.bench.harness import interleaved, ratio
from tests.bench.stream import load
from tests.rehearsal.asking import backed_up, connection_fields, error_of, new_project
from tests.rehearsal.installation import Installation
from tests.rehearsal.report import GIGABYTES, note_version

LIMIT: Final = 1.3
ROUNDS: Final = 1
"""After one that is not counted, in which functions start and caches fill."""
PATIENCE_S: Final = 900.0


def by_command_line(url: str, folder: Path) -> float:
    """Run the command as a person does; return its seconds."""
    program = Path(sys.executable).with_name("holdfast")
    environment = {"PATH": os.defpath, "HOLDFAST_DATA": str(folder / "data"), "SOURCE": url}
    began = time.perf_counter()
    subprocess.run(
        [program, "dump", "env:SOURCE", "--force", "-o", folder / "it.dump"],
        env=environment,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began


def rehearsed(installation: Installation, project_id: str) -> float:
    """Take a backup over the API; return its seconds until a caller sees that it has ended."""
    began = time.perf_counter()
    done = backed_up(installation, project_id, PATIENCE_S)
    assert error_of(done) == "completed/"
    return time.perf_counter() - began


@pytest.mark.timeout(4 * PATIENCE_S)
def test_a_rehearsed_backup_takes_at_most_1_3_times_what_the_command_line_takes(
    installation: Installation,
    source_server: LocalPostgres,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    gigabytes = pytestconfig.stash[GIGABYTES]
    load(source_server, gigabytes)
    fields = connection_fields(source_server.connection())
    project_id = new_project(installation, **fields)

    commanded, over_api = interleaved(
        [
            lambda: by_command_line(source_server.url(), tmp_path),
            lambda: rehearsed(installation, project_id),
        ],
        ROUNDS,
    )

    factor = ratio(over_api, commanded)
    told = f"{over_api[0]:.1f} s / {commanded[0]:.1f} s = {factor:.2f} (limit {LIMIT})"
    note_version(pytestconfig, f"backup of {gigabytes:g} GB, rehearsed / command line:", told)
    assert factor <= LIMIT
