"""`make bench`: ratios in one run on the same data, with the conditions stated.

    python -m tests.bench [--gigabytes 2.2] [--repetitions 3] [--only service|stream|upload]

The commands of a comparison run in turn (A B C A B C …) and medians are compared, so that a machine
whose speed drifts slows all of them. Results go to .bench/results.json and to standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path

from tests.bench import service, stream, upload
from tests.bench.harness import Row, as_table

RESULTS = Path(".bench/results.json")


def main() -> int:
    """Run the benches that were asked for; exit code 1 when a row misses its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--gigabytes", type=float, default=2.2, help="COPY text of the data")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--only", choices=["service", "stream", "upload"])
    chosen = parser.parse_args()
    rows: list[Row] = []
    if chosen.only in {None, "service"}:
        rows += service.rows()
    if chosen.only in {None, "stream"}:
        rows += stream.rows(chosen.gigabytes, chosen.repetitions)
    if chosen.only in {None, "upload"}:
        rows += upload.rows(chosen.repetitions)
    machine = f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"
    conditions = f"{machine}, Python {platform.python_version()}"
    results = {"conditions": conditions, "rows": [vars(row) for row in rows]}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2))
    print(f"{conditions}\n\n{as_table(rows)}\n\nwritten to {RESULTS}")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
