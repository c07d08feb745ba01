"""The Chalice application; importing it reads no environment and makes no client."""

from __future__ import annotations

from functools import cache

from chalicelib.bootstrap.services import of_this_process
from chalicelib.dashboard.application import create_web_app
from chalicelib.events import gate as gate_events
from chalicelib.events.event_backup import start_for_event
from chalicelib.events.link_signer import redeem
from chalicelib.events.scheduled_backup import start_scheduled
from chalicelib.events.sweep import sweep

services = cache(of_this_process)
app = create_web_app(services)


@app.lambda_function(name="link_signer")  # type: ignore[untyped-decorator] # Chalice has no types
def link_signer(event: dict[str, object], _context: object) -> dict[str, object]:
    """Redeem a link with this function's own right to read objects."""
    return redeem(services(), event)


@app.lambda_function(name="gate")  # type: ignore[untyped-decorator] # Chalice has no types
def gate(event: dict[str, object], _context: object) -> dict[str, object]:
    """Request the backup that a migration waits for."""
    return gate_events.ask(services(), event)


@app.lambda_function(name="gate_status")  # type: ignore[untyped-decorator] # Chalice has no types
def gate_status(event: dict[str, object], _context: object) -> dict[str, object]:
    """Say whether the migration may run."""
    return gate_events.status(services(), event)


@app.lambda_function(name="scheduled_backup")  # type: ignore[untyped-decorator] # as above
def scheduled_backup(event: dict[str, object], _context: object) -> dict[str, int]:
    """Start the run of a schedule that EventBridge Scheduler says is due."""
    return start_scheduled(services(), event)


@app.lambda_function(name="event_backup")  # type: ignore[untyped-decorator] # as above
def event_backup(event: dict[str, object], _context: object) -> dict[str, str]:
    """Request the backup that somebody's own rule of EventBridge asks for."""
    return start_for_event(services(), event)


@app.schedule("rate(5 minutes)", name="sweeper")  # type: ignore[untyped-decorator] # as above
def sweeper(_event: object) -> dict[str, int]:
    """Sweep: what a crash left, what nobody saw, what waits to be told."""
    return sweep(services())
