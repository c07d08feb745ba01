"""The command `holdfast doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
import httpx

from chalicelib.bootstrap.doctor import examine
from chalicelib.cli.exit_codes import FAILED
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_json, print_list
from chalicelib.domain.finding import Finding, Verdict
from chalicelib.settings import Settings

SERVICE_TIMEOUT_S: Final = 5.0


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
    far as your credentials may look, and whether IAM allows its functions what they do. What the
    policies of bucket and keys deny is named, what the organisation denies may go unseen. Exit code
    1 when something needed is missing.
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
    yield from examine(settings)
    if settings.url is not None:
        yield _service(settings.url)


def _installed(settings: Settings, stack: str, region: str | None) -> Iterator[Finding]:
    from chalicelib.adapters.aws.clients import Place
    from chalicelib.adapters.aws.stack_reader import seen_at
    from chalicelib.adapters.system import SystemClock
    from chalicelib.cli.stack_findings import findings_of

    place = Place(region or settings.region, settings.aws_endpoint)
    return findings_of(seen_at(place, stack, SystemClock()))


def _service(url: str) -> Finding:
    # the host alone: somebody may have put a password into the URL
    host = urlsplit(url).hostname or "HOLDFAST_URL"
    try:
        answer = httpx.get(url.rstrip("/") + "/health", timeout=SERVICE_TIMEOUT_S)
        answer.raise_for_status()
        version = str(answer.json()["version"])
    # what answers there need not be Holdfast
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        hint = "Check HOLDFAST_URL and that the service runs."
        return Finding("service", Verdict.MISSING, f"no answer from {host}", hint)
    return Finding("service", Verdict.OK, f"version {version} at {host}")
