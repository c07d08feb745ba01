"""The Chalice application; importing it reads no environment and makes no client."""

from __future__ import annotations

from functools import cache

from chalicelib import observability
from chalicelib.api.application import create_app
from chalicelib.bootstrap import Services, embedded
from chalicelib.settings import Settings, process_environment


@cache
def services() -> Services:
    """Build the services from the environment, once, with the first request."""
    environment = process_environment()
    observability.configure(environment)
    return embedded(Settings.read(environment))


app = create_app(services)
