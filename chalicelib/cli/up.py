"""The command `holdfast up`."""

from __future__ import annotations

from pathlib import Path

import click

from chalicelib.cli.invocation import Invocation, data_option, examples, pass_invocation
from chalicelib.local.up import Place, first_key, running_service


@click.command(
    epilog=examples("holdfast up", "holdfast up --data /var/lib/holdfast --port 9000 --workers 4")
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
@data_option
@pass_invocation
def up(
    invocation: Invocation, *, host: str, port: int, workers: int | None, data: Path | None
) -> None:
    """Run the service on this machine: API, workers and housekeeping.

    The first start prints an admin key, once: only its hash is kept. SIGINT and SIGTERM stop the
    service in order; runs that are cut off by it end as failed, and nothing of them stays behind.
    """
    settings = invocation.settings(data)
    if workers is not None:
        settings = settings.model_copy(update={"workers": workers})
    place = Place(settings, invocation.environment, host, port)
    # signals only raise a flag, which the supervisor asks for five times a second
    with invocation.interruption.polled(), running_service(place, _warn) as service:
        click.echo(f"Holdfast answers at {service.url}, data in {settings.data.absolute()}")
        token = first_key(service.services)
        if token is not None:
            click.echo("an admin key, shown this once:")
            click.echo(f"export HOLDFAST_URL={service.url} HOLDFAST_API_KEY={token}")
        service.supervisor.run_until(lambda: invocation.interruption.asked)
        click.echo("stopping: no new work, workers are being ended")
    click.echo("stopped")


def _warn(text: str) -> None:
    click.echo(text, err=True)
