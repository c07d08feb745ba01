"""`make bench`: ratios in one run on the same data, with the conditions stated.

    python -m tests.bench [--gigabytes 2.2] [--repetitions 3] [--readme]
                          [--only service|stream|archive|upload|retention|storage]

The commands of a comparison run in turn (A B C A B C …) and medians are compared, so that a machine
whose speed drifts slows all of them. Results go to .bench/results.json and to standard output,
with --readme also into the README, between its markers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path

from tests.bench import archive, retention, service, storage, stream, upload
from tests.bench.harness import Row, as_table
from tests.bench.readme import with_figures

README = Path(__file__).parents[2] / "README.md"
RESULTS = Path(".bench/results.json")


def main() -> int:
    """Run the benches that were asked for; exit code 1 when a row misses its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--gigabytes", type=float, default=2.2, help="COPY text of the data")
    parser.add_argument("--repetitions", type=int, default=3)
    parts = ["service", "stream", "archive", "upload", "retention", "storage"]
    parser.add_argument("--only", choices=parts)
    parser.add_argument("--readme", action="store_true", help="write the table into the README")
    chosen = parser.parse_args()
    rows: list[Row] = []
    if chosen.only in {None, "service"}:
        rows += service.rows()
    if chosen.only in {None, "stream"}:
        rows += stream.rows(chosen.gigabytes, chosen.repetitions)
    if chosen.only in {None, "archive"}:
        rows += archive.rows(chosen.gigabytes, chosen.repetitions)
    if chosen.only in {None, "upload"}:
        rows += upload.rows(chosen.repetitions)
    if chosen.only in {None, "retention"}:
        rows += retention.rows()
    if chosen.only in {None, "storage"}:
        rows += storage.rows(chosen.repetitions)
    figures = f"{conditions(chosen.gigabytes, chosen.repetitions)}\n\n{as_table(rows)}"
    results = {**vars(chosen), "conditions": figures.partition("\n")[0]}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results | {"rows": [vars(row) for row in rows]}, indent=2))
    if chosen.readme:
        README.write_text(with_figures(README.read_text(), figures))
    print(f"{figures}\n\nwritten to {RESULTS}")
    return 0 if all(row.holds for row in rows) else 1


def conditions(gigabytes: float, repetitions: int) -> str:
    """Say on what and on how much the figures were taken."""
    machine = f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"
    data = f"{gigabytes:g} GB of COPY text, medians of {repetitions} interleaved repetitions"
    return f"{machine}, Python {platform.python_version()}; {data}"


if __name__ == "__main__":
    raise SystemExit(main())
