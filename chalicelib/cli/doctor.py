"""The command `holdfast doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
import httpx

from chalicelib.cli.exit_codes import FAILED
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_json, print_list
from chalicelib.cli.progress_view import size
from chalicelib.domain.errors import HoldfastError
from chalicelib.domain.finding import Finding, Verdict
from chalicelib.engine.clients import Client, Clients, default_folders
from chalicelib.settings import Settings

PYTHON: Final = (3, 11)
SERVICE_TIMEOUT_S: Final = 5.0
LITTLE_SPACE_BYTES: Final = 1_000_000_000


@click.command(epilog=examples("holdfast doctor", "holdfast doctor --stack holdfast-dev --json"))
@data_option
@click.option("--stack", metavar="NAME", help="Look at this installation on AWS instead.")
@click.option("--region", help="Where the stack is; else HOLDFAST_REGION or the machine's.")
@json_option
@pass_invocation
def doctor(
    invocation: Invocation,
    *,
    data: Path | None,
    stack: str | None,
    region: str | None,
    as_json: bool,
) -> int:
    """Look whether this machine has what backups need.

    Python, PostgreSQL clients (version, TLS, zstd, known holes), the data folder, and the service
    when HOLDFAST_URL is set. With --stack, whether an installation on AWS has all its pieces, as
    far as your credentials may look. Exit code 1 when something needed is missing.
    """
    settings = invocation.settings(data)
    findings = list(_examine(settings) if stack is None else _installed(settings, stack, region))
    healthy = all(finding.verdict is not Verdict.MISSING for finding in findings)
    page = {"items": [asdict(finding) for finding in findings], "next_cursor": None}
    if as_json:
        print_json({"healthy": healthy, "findings": page["items"]})
    else:
        print_list(page, ("verdict", "what", "found", "hint"), as_json=False)
    return 0 if healthy else FAILED


def _examine(settings: Settings) -> Iterator[Finding]:
    yield _python()
    clients = Clients(default_folders(settings.client_dirs))
    yield from client_findings(clients, floor_policy=settings.floor_policy)
    yield _folder(settings.data.absolute())
    yield _space(settings.data.absolute())
    if settings.url is not None:
        yield _service(settings.url)


def _installed(settings: Settings, stack: str, region: str | None) -> Iterator[Finding]:
    from chalicelib.adapters.aws.clients import Place
    from chalicelib.adapters.aws.stack_reader import seen_at
    from chalicelib.adapters.system import SystemClock
    from chalicelib.cli.stack_findings import findings_of

    place = Place(region or settings.region, settings.aws_endpoint)
    return findings_of(seen_at(place, stack, SystemClock()))


def _python() -> Finding:
    good = sys.version_info >= PYTHON
    hint = "" if good else "Install Python 3.11 or newer."
    return Finding(
        "python", Verdict.OK if good else Verdict.MISSING, platform.python_version(), hint
    )


def client_findings(clients: Clients, *, floor_policy: str) -> Iterator[Finding]:
    """Judge every installation; none at all, or a broken one, keeps backups from working."""
    try:
        found = clients.find()
    except HoldfastError as error:
        yield Finding("postgresql clients", Verdict.MISSING, error.message, error.hint)
        return
    if not found:
        hint = "Install them (apt install postgresql-client), or `pip install 'holdfast[demo]'`."
        yield Finding("postgresql clients", Verdict.MISSING, "none", hint)
    for client in found:
        yield client_finding(client, floor_policy=floor_policy)


def client_finding(client: Client, *, floor_policy: str) -> Finding:
    """Judge one installation of the client programs."""
    traits = [f"{client.version} in {client.bin_dir}"]
    traits.append("TLS" if client.has_tls else "no TLS")
    traits.append("zstd" if client.has_zstd else "no zstd")
    hints = []
    if client.version.is_below_floor:
        hints.append(f"It has a known hole; install {client.version.floor} or newer.")
    if not client.has_tls:
        hints.append("It cannot back up servers that need TLS.")
    verdict = Verdict.WARNING if hints else Verdict.OK
    if client.version.is_below_floor and floor_policy == "refuse":
        verdict = Verdict.MISSING
    return Finding("postgresql clients", verdict, ", ".join(traits), " ".join(hints))


def _folder(data: Path) -> Finding:
    place = _nearest(data)
    try:
        # a real file, because permission bits do not tell of read-only and full file systems
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        reason = (error.strerror or "").lower()
        return Finding(
            "data folder",
            Verdict.MISSING,
            f"{data}: {reason}",
            "Choose a folder that this user may write to with --data or HOLDFAST_DATA.",
        )
    state = "" if data.is_dir() else " (will be made)"
    if data.is_dir() and data.stat().st_mode & 0o077:
        hint = f"Others can look into it: chmod 700 {data}."
        return Finding("data folder", Verdict.WARNING, str(data), hint)
    return Finding("data folder", Verdict.OK, f"{data}{state}")


def _space(data: Path) -> Finding:
    # exists, which follows links: of a dangling one nothing could be measured
    place = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if free < LITTLE_SPACE_BYTES:
        return Finding("free space", Verdict.WARNING, size(free), "Make room before large backups.")
    return Finding("free space", Verdict.OK, size(free))


def _nearest(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if os.path.lexists(folder))


def _service(url: str) -> Finding:
    host = urlsplit(url).hostname or "HOLDFAST_URL"
    try:
        answer = httpx.get(url.rstrip("/") + "/health", timeout=SERVICE_TIMEOUT_S)
        answer.raise_for_status()
        version = str(answer.json()["version"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        hint = "Check HOLDFAST_URL and that the service runs."
        return Finding("service", Verdict.MISSING, f"no answer from {host}", hint)
    return Finding("service", Verdict.OK, f"version {version} at {host}")
