"""The command `holdfast gate`: a verified backup first, then somebody's migration."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import click

from chalicelib.adapters.system import SystemClock
from chalicelib.cli.backup_options import compression_option, hold_option, type_option
from chalicelib.cli.fields import given, project_option, shown_progress, tag_option
from chalicelib.cli.gate_preflight import preflight_lines
from chalicelib.cli.gate_wait import GateWait
from chalicelib.cli.gated_command import require_program, run_command
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_json, text_of
from chalicelib.cli.progress_view import view_for
from chalicelib.cli.service import Service, open_service
from chalicelib.domain.backup import Asked, Trigger
from chalicelib.domain.gate import DEFAULT_TIMEOUT_S

SPAN: Final = re.compile(r"([1-9][0-9]{0,6})([smh]?)")
SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}
COMMITS: Final = ("GITHUB_SHA", "CI_COMMIT_SHA")
"""Where GitHub Actions and GitLab CI say which commit they run."""


@dataclass(frozen=True)
class _Call:
    """Hold what one call of the command was given."""

    invocation: Invocation
    data: Path | None
    timeout_s: int
    key: str
    body: dict[str, object]
    as_json: bool


def _span(context: click.Context, parameter: click.Parameter, word: str) -> int:
    del context, parameter
    found = SPAN.fullmatch(word)
    if found is None:
        raise click.BadParameter(f"{word!r} is no time: write it as 90s, 30m or 12h")
    return int(found[1]) * SECONDS[found[2]]


@click.command(
    epilog=examples(
        "holdfast gate --project $P --migration 0042 -- ./migrate.sh up",
        "holdfast gate --project $P --proof --timeout 2h -- npx prisma migrate deploy",
    ),
)
@project_option
@click.option("--migration", help="What people call the migration; kept with the backup.")
@click.option(
    "--timeout",
    "timeout_s",
    callback=_span,
    default=f"{DEFAULT_TIMEOUT_S // 3600}h",
    show_default=True,
    metavar="SPAN",
    help="How long to wait for the verified backup: 90s, 30m, 2h.",
)
@click.option("--proof", is_flag=True, help="Restore the backup into a scratch server first.")
@type_option
@compression_option
@tag_option
@hold_option
@click.option(
    "--idempotency-key",
    "key",
    help="Take the backup of an earlier run with this key, if it ended within the last hour."
    " Without it every run makes a backup of its own.",
)
@data_option
@json_option
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND…", type=click.UNPROCESSED)
@pass_invocation
def gate(
    invocation: Invocation,
    /,
    *,
    command: tuple[str, ...],
    data: Path | None,
    timeout_s: int,
    key: str | None,
    as_json: bool,
    **fields: Any,
) -> int:
    """Run COMMAND only behind a verified backup of its database.

    Backs the project up, verifies it, holds it, prints how to restore it, and only then runs
    COMMAND, as given and without a shell, with this command's streams and signals. The exit code is
    COMMAND's. Without a verified backup COMMAND is not started: exit code 3 when a check refused
    it, else 1, 2 or 130 as everywhere. What this command says itself goes to stderr; with --json
    one document about the backup goes to stdout before COMMAND begins.
    """
    require_program(command, invocation.environment)
    body = _body(invocation.environment, **fields)
    call = _Call(invocation, data, timeout_s, key or f"gate-{uuid4()}", body, as_json)
    with open_service(invocation, data) as service:
        passed = _passed(call, service)
    environment = {**invocation.environment, "HOLDFAST_BACKUP_ID": str(passed["backup_id"])}
    _announce(passed, as_json=as_json)
    code = run_command(command, environment, invocation.interruption)
    if code:
        _say(f"the migration ended with {code}; rollback: {passed['rollback']}")
    return code


def _body(
    environment: Mapping[str, str],
    *,
    project: str,
    migration: str | None,
    proof: bool,
    kind: str,
    tags: dict[str, str] | None,
    **others: Any,
) -> dict[str, object]:
    commit = next((environment[name] for name in COMMITS if environment.get(name)), None)
    return given(
        project_id=project,
        trigger=Trigger.PRE_MIGRATION.value,
        migration_id=migration,
        type=kind,
        verification=Asked.PROOF.value if proof else None,
        tags={**given(git=commit), **(tags or {})},
        **others,
    )


def _passed(call: _Call, service: Service) -> dict[str, object]:
    """Return what is to be told of the backup that lets the command run."""
    wait = GateWait(service, SystemClock(), call.timeout_s)
    project = service.request("GET", f"/v1/projects/{call.body['project_id']}")
    estimate = wait.job(_estimate_job(call, service))
    for line in preflight_lines(estimate):
        _say(line)
    asked = service.request(
        "POST", "/v1/backups", body=call.body, headers={"Idempotency-Key": call.key}
    )
    with view_for(as_json=call.as_json) as view:
        backup = wait.backup(asked["id"], shown_progress(view))
    return {
        "backup_id": backup["id"],
        "verification": backup["verification"],
        "hold_until": backup["hold_until"],
        "rollback": _rollback(call, project, backup["id"]),
        "estimate": estimate,
    }


def _estimate_job(call: _Call, service: Service) -> str:
    options = {
        name: value
        for name, value in call.body.items()
        if name in {"type", "compression", "verification"}
    }
    path = f"/v1/projects/{call.body['project_id']}/estimate"
    return str(service.request("POST", path, body=options)["id"])


def _rollback(call: _Call, project: Mapping[str, Any], backup_id: str) -> str:
    words = ["holdfast", "restore", backup_id, f"project:{project['id']}"]
    words += ["--clean", "--confirm", f"{project['host']}/{project['database']}"]
    return shlex.join(words if call.data is None else [*words, "--data", str(call.data)])


def _announce(passed: Mapping[str, Any], *, as_json: bool) -> None:
    level = passed["verification"]["level"]
    until = f", held until {passed['hold_until']}" if passed["hold_until"] else ""
    _say(f"backup {passed['backup_id']} is verified ({level}){until}")
    _say(f"rollback: {passed['rollback']}")
    if as_json:
        print_json(passed)
    # the command writes to the same stream, past our buffer
    sys.stdout.flush()


def _say(line: str) -> None:
    click.echo(text_of(line), err=True)
