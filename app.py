"""The Chalice application; importing it reads no environment and makes no client."""

from __future__ import annotations

from functools import cache

from chalicelib import observability
from chalicelib.bootstrap.services import Services, build
from chalicelib.dashboard.application import create_web_app
from chalicelib.events import gate as gate_events
from chalicelib.events.link_signer import redeem
from chalicelib.settings import Settings, process_environment


@cache
def services() -> Services:
    """Build the services from the environment, once, with the first request."""
    environment = process_environment()
    observability.configure(environment)
    return build(Settings.read(environment))


app = create_web_app(services)


@app.lambda_function(name="link_signer")  # type: ignore[untyped-decorator] # Chalice has no types
def link_signer(event: dict[str, object], context: object) -> dict[str, object]:
    """Redeem a link with this function's own right to read objects."""
    del context
    return redeem(services(), event)


@app.lambda_function(name="gate")  # type: ignore[untyped-decorator] # Chalice has no types
def gate(event: dict[str, object], context: object) -> dict[str, object]:
    """Request the backup that a migration waits for."""
    del context
    return gate_events.ask(services(), event)


@app.lambda_function(name="gate_status")  # type: ignore[untyped-decorator] # Chalice has no types
def gate_status(event: dict[str, object], context: object) -> dict[str, object]:
    """Say whether the migration may run."""
    del context
    return gate_events.status(services(), event)
