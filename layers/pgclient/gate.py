"""Let no image out whose PostgreSQL programs have known holes or lack TLS or zstd.

    python gate.py [--sbom FILE]     exit code 1 and a line for each thing that is wrong

It asks the programs themselves, by the code with which the worker chooses among them. With --sbom
it also writes what is inside: every Debian and Python package, as CycloneDX.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from chalicelib.engine.clients import Client, Clients, default_folders
from chalicelib.engine.server_programs import ServerPrograms, find_servers

LOADED: Final = ("awslambdaric", "chalicelib.worker.function", "chalicelib.worker.__main__")
DPKG: Final = ("dpkg-query", "--show", "--showformat", "${Package} ${Version}\n")


def client_problems(clients: Sequence[Client]) -> list[str]:
    """Say what is wrong with the clients; none at all is wrong too."""
    problems = [] if clients else ["there are no PostgreSQL clients"]
    for client in clients:
        if client.version.is_below_floor:
            problems.append(
                f"client {client.version} has known holes before {client.version.floor}"
            )
        if not client.has_tls:
            problems.append(f"client {client.version} has no TLS")
        if not client.has_zstd:
            problems.append(f"client {client.version} has no zstd")
    return problems


def server_problems(clients: Sequence[Client], servers: Sequence[ServerPrograms]) -> list[str]:
    """Say which clients' major has no server, without which nothing of it can be proven."""
    majors = {server.major for server in servers}
    return [
        f"there is no server of major {client.version.major} for proofs"
        for client in clients
        if client.version.major not in majors
    ]


def import_problems(names: Iterable[str]) -> list[str]:
    """Say which modules do not load."""
    problems = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            problems.append(f"{name} does not load: {error}")
    return problems


def bill_of_materials(debian: str, python: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Return packages as CycloneDX; `debian` holds a name and a version a line."""
    pairs = [line.split(" ", 1) for line in debian.splitlines() if " " in line]
    components = [_component("deb/debian", name, version) for name, version in pairs]
    components += [_component("pypi", name, version) for name, version in python]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "components": sorted(components, key=lambda one: one["purl"]),
    }


def _component(kind: str, name: str, version: str) -> dict[str, str]:
    purl = f"pkg:{kind}/{name}@{version}"
    return {"type": "library", "name": name, "version": version, "purl": purl}


def write_bill(path: Path, collected: Path) -> None:
    """Write what the image holds: its own packages, and those the programs were taken from."""
    own = subprocess.run(DPKG, capture_output=True, text=True, check=True).stdout
    lines = sorted({*own.splitlines(), *collected.read_text().splitlines()})
    found = {(d.metadata["Name"], d.version) for d in importlib.metadata.distributions()}
    bill = bill_of_materials("\n".join(lines), sorted(found))
    path.write_text(json.dumps(bill, indent=1) + "\n")


def main(arguments: list[str]) -> int:
    """Judge the image this runs in."""
    parser = argparse.ArgumentParser(prog="gate.py")
    parser.add_argument("--sbom", type=Path)
    asked = parser.parse_args(arguments)
    clients = Clients(default_folders(())).find()
    problems = client_problems(clients) + server_problems(clients, find_servers())
    problems += import_problems(LOADED)
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if asked.sbom is not None and not problems:
        write_bill(asked.sbom, asked.sbom.with_name("pgclient-packages.txt"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
