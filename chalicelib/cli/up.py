"""The command `holdfast up`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click

from chalicelib.cli.invocation import Invocation, data_option, examples, pass_invocation
from chalicelib.local.demo_up import Listener, demo_data
from chalicelib.local.up import Place, first_key, running_service
from chalicelib.settings import Settings

DEMO_DATA: Final = Path("holdfast-demo")


@click.command(
    epilog=examples(
        "holdfast up",
        "holdfast up --data /var/lib/holdfast --port 9000 --workers 4",
        "holdfast up --demo",
    )
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 is reachable from other machines, without encryption.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to listen on; 0 takes any free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Backups and jobs that run at once. Without it: HOLDFAST_WORKERS, else 2.",
)
@click.option(
    "--demo",
    is_flag=True,
    help="Show weeks of backups of sample databases, in a data folder of their own.",
)
@data_option
@pass_invocation
def up(
    invocation: Invocation,
    *,
    host: str,
    port: int,
    workers: int | None,
    demo: bool,
    data: Path | None,
) -> None:
    """Run the service on this machine: API, workers and housekeeping.

    The first start prints an admin key, once: only its hash is kept. SIGINT and SIGTERM stop the
    service in order; runs that are cut off by it end as failed, and nothing of them stays behind.
    """
    settings = _settings(invocation, data, demo=demo)
    if workers is not None:
        settings = settings.model_copy(update={"workers": workers})
    place = Place(settings, invocation.environment, host, port)
    # signals only raise a flag, which the supervisor asks for five times a second
    with ExitStack() as stack:
        stack.enter_context(invocation.interruption.polled())
        if demo:
            stack.enter_context(
                demo_data(settings, Listener(click.echo, invocation.interruption.check))
            )
        service = stack.enter_context(running_service(place, _warn))
        click.echo(f"Holdfast answers at {service.url}, data in {settings.data.absolute()}")
        token = first_key(service.services)
        if token is not None:
            click.echo("an admin key, shown this once:")
            click.echo(f"export HOLDFAST_URL={service.url} HOLDFAST_API_KEY={token}")
        service.supervisor.run_until(lambda: invocation.interruption.asked)
        click.echo("stopping: no new work, workers are being ended")
    click.echo("stopped")


def _settings(invocation: Invocation, data: Path | None, *, demo: bool) -> Settings:
    settings = invocation.settings(data)
    # never where real backups lie, unless somebody names the folder
    if demo and "data" not in settings.model_fields_set and data is None:
        return settings.model_copy(update={"data": DEMO_DATA})
    return settings


def _warn(text: str) -> None:
    click.echo(text, err=True)
