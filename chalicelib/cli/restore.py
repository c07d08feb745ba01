"""The command `holdfast restore`: of a file by this machine, of a backup by the service."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from chalicelib.adapters.system import SystemClock
from chalicelib.bootstrap.postgres import postgres_restorer
from chalicelib.cli import sidecar
from chalicelib.cli.exit_codes import DONE, EXIT_CODES
from chalicelib.cli.fields import given, is_id, job_result, run_ended
from chalicelib.cli.invocation import (
    Invocation,
    data_option,
    examples,
    json_option,
    pass_invocation,
)
from chalicelib.cli.output import print_json, text_of
from chalicelib.cli.progress_view import ViewWatch, view_for
from chalicelib.cli.restore_file import FileRestore, FileRestorer
from chalicelib.cli.run_lines import print_run
from chalicelib.cli.service import open_service
from chalicelib.domain.backup import Component
from chalicelib.domain.errors import Conflict, HoldfastError, InvalidRequest
from chalicelib.domain.restore import MAX_JOBS, Preflight, RestoreOptions, RestoreReport, options_of
from chalicelib.services.run_restore import failure_of

PROJECT_MARK: Final = "project:"


@dataclass(frozen=True)
class _Call:
    """Hold what one call of the command was given."""

    invocation: Invocation
    what: str
    target: str
    fields: dict[str, Any]
    data: Path | None
    dry_run: bool
    as_json: bool


@click.command(
    epilog=examples(
        "holdfast restore shop.dump env:TARGET_URL --dry-run",
        "holdfast restore shop.dump env:TARGET_URL --jobs 4",
        "holdfast restore shop.dump env:TARGET_URL --table public.orders",
        "holdfast restore 01JD0000000000000000000000 project:01JD0000000000000000000001",
        "holdfast restore shop.dump env:TARGET_URL --clean --confirm db.example.org/shop",
    )
)
@click.argument("what", metavar="FILE|BACKUP_ID")
@click.argument("target")
@click.option("--table", "tables", multiple=True, help="Only this table; repeatable.")
@click.option("--schema", "schemas", multiple=True, help="Only this schema; repeatable.")
@click.option("--schema-only", is_flag=True, help="Definitions without rows.")
@click.option("--data-only", is_flag=True, help="Rows only, into tables that are there and empty.")
@click.option("--clean", is_flag=True, help="Drop first what the dump brings; needs --confirm.")
@click.option("--confirm", "confirmation", metavar="HOST/DATABASE", help="Name of the target.")
@click.option("--no-owner", is_flag=True, help="All belongs to the target's user, no grants.")
@click.option(
    "--component",
    "components",
    multiple=True,
    type=click.Choice([one.value for one in Component]),
    help="Only this part of a Supabase project; repeatable.",
)
@click.option("--jobs", type=click.IntRange(1, MAX_JOBS), default=1, show_default=True)
@click.option("--dry-run", is_flag=True, help="Only say what it would meet; changes nothing.")
@click.option("--trust-archive", is_flag=True, help="Take a file without a signature of ours.")
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the key that signed the manifest. Without it: the data folder's.",
)
@data_option
@json_option
@pass_invocation
def restore(
    invocation: Invocation,
    /,
    *,
    what: str,
    target: str,
    trust_archive: bool,
    key: Path | None,
    data: Path | None,
    dry_run: bool,
    as_json: bool,
    **fields: Any,
) -> int:
    """Restore a dump file, or a backup of the service, into a database.

    TARGET is a URL as for dump, env:NAME, or project:ID for a backup. It must be empty, unless
    --clean is confirmed or only chosen tables are restored. Exit code 3: FILE is not what its
    manifest says, or the target's rows are not those of the dump.
    """
    call = _Call(invocation, what, target, fields, data, dry_run, as_json)
    # an empty list of components would be none at all
    call.fields["components"] = call.fields["components"] or None
    path = Path(what)
    # what can be no id is a file that is missing, and is told as that
    if path.exists() or not is_id(what):
        return _restore_file(call, path, key, trust_archive=trust_archive)
    return _restore_backup(call)


def _restore_file(call: _Call, path: Path, key: Path | None, *, trust_archive: bool) -> int:
    if call.target.startswith(PROJECT_MARK):
        raise InvalidRequest(
            "a file is restored by this machine, which knows no projects",
            hint="Give the target's URL or env:NAME.",
            field="target",
        )
    if call.fields["components"]:
        raise InvalidRequest(
            "a file is the database alone, without other components",
            hint="Restore the backup of the service by its id into project:ID.",
            field="components",
        )
    settings = call.invocation.settings(call.data)
    wanted = FileRestore(
        path=path,
        target=call.invocation.connection(call.target),
        options=_options(call.fields),
        key=sidecar.key_path(settings.data, key),
        trust_archive=trust_archive,
    )
    with view_for(as_json=call.as_json) as view, tempfile.TemporaryDirectory() as scratch:
        watch = ViewWatch(call.invocation.interruption, view)
        restorer = FileRestorer(postgres_restorer(settings, Path(scratch), SystemClock()), watch)
        with watch.owning():
            done = restorer.preflight(wanted) if call.dry_run else restorer.restore(wanted)
    return _tell(done, as_json=call.as_json)


def _restore_backup(call: _Call) -> int:
    body = {"backup_id": call.what, "target": _target(call), **given(**call.fields)}
    with open_service(call.invocation, call.data) as service:
        if call.dry_run:
            job = service.request("POST", "/v1/restores/preflight", body=body)
            found = Preflight.model_validate(job_result(service, job))
            return _tell(found, as_json=call.as_json)
        asked = service.request("POST", "/v1/restores", body=body)
        view = view_for(as_json=call.as_json)
        ended = run_ended(service, f"/v1/restores/{asked['id']}", "restore", view)
    print_run(ended, as_json=call.as_json)
    return DONE


def _target(call: _Call) -> dict[str, str]:
    if call.target.startswith(PROJECT_MARK):
        return {"project_id": call.target.removeprefix(PROJECT_MARK)}
    return {"url": call.invocation.source_url(call.target)}


def _options(fields: dict[str, Any]) -> RestoreOptions:
    if fields["schema_only"] and fields["data_only"]:
        raise InvalidRequest(
            "--schema-only and --data-only exclude each other",
            hint="Leave both out to restore definitions and rows.",
        )
    try:
        return options_of(fields)
    except ValueError as error:
        raise InvalidRequest("the name of a table or schema cannot be") from error


def _tell(done: Preflight | RestoreReport, *, as_json: bool) -> int:
    """Print what came of it; a failure is raised, for --json it is part of the one document."""
    failure = _failure_of(done)
    if as_json:
        error = failure.info.model_dump() if failure else None
        print_json({**done.model_dump(mode="json"), "error": error})
        return EXIT_CODES[failure.code] if failure else DONE
    lines = _preflight_lines(done) if isinstance(done, Preflight) else _report_lines(done)
    click.echo("\n".join(text_of(line) for line in lines))
    if failure:
        raise failure
    return DONE


def _failure_of(done: Preflight | RestoreReport) -> HoldfastError | None:
    if isinstance(done, RestoreReport):
        return failure_of(done)
    if done.passes:
        return None
    return Conflict(
        f"the restore would not begin, for {len(done.problems)} reasons",
        hint="Mend them in the order they are listed.",
    )


def _preflight_lines(found: Preflight) -> list[str]:
    count = sum(found.objects.values())
    lines = [f"target PostgreSQL {found.server_version}, client {found.client_version}"]
    lines += [f"would restore {count} objects"] if count else []
    lines += [f"problem: {one.message}. {one.hint}" for one in found.problems]
    lines += [f"warning: {text}" for text in found.warnings]
    lines += [f"would drop: {text}" for text in found.drops]
    lines += [f"would skip: {note.what}: {note.message}" for note in found.skipped]
    lines += [f"unknown: {text}" for text in found.unknown]
    return [*lines, "ready" if found.passes else "not ready"]


def _report_lines(report: RestoreReport) -> list[str]:
    lines = [f"restored {sum(report.restored.values())} objects"] if report.restored else []
    lines += [f"skipped: {note.what}: {note.message}" for note in report.skipped]
    lines += [f"by hand: {note.what}: {note.message}. {note.advice}" for note in report.by_hand]
    lines += [f"ignored: {note.what}: {note.message} ({note.advice})" for note in report.ignored]
    lines += [f"error: {note.what}: {note.message}. {note.advice}" for note in report.errors]
    compared = report.comparison
    if compared is None:
        return lines
    lines += [f"not compared: {name}: {why}" for name, why in compared.not_compared.items()]
    if compared.tables and compared.is_equal:
        counted = compared.tables - compared.in_order - compared.in_any_order
        lines.append(f"rows: equal, {compared.rows} in {compared.tables} tables")
        lines.append(
            f"contents: {compared.in_order} tables byte for byte, {compared.in_any_order} in"
            f" another order, {counted} only counted; {compared.sequences} sequences,"
            f" {compared.large_objects or 0} large objects"
        )
    return lines
