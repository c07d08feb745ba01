"""The service about itself."""

from __future__ import annotations

from chalicelib import __version__
from chalicelib.api.openapi import Document, document
from chalicelib.api.routing import PUBLIC, ROUTES, Call, route
from chalicelib.api.views.answers import HealthView
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query


@route("GET /health", PUBLIC)
def show_health(call: Call) -> HealthView:
    """Say whether the service works.

    Reads the catalog, so that `ok` means requests can be answered.
    """
    # A process that cannot read its records must not be sent requests by a load balancer.
    call.services.projects.find(Query(Project, limit=1))
    return HealthView(status="ok", version=__version__, catalog="ok")


@route("GET /v1/openapi.json", PUBLIC)
def show_openapi() -> Document:
    """Return this document."""
    return document(tuple(ROUTES), __version__)
