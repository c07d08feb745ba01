"""How the service itself stands, who one is to it, and the time zone to read it in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from chalicelib import __version__
from chalicelib.api.routing import VIEWER
from chalicelib.bootstrap.doctor import examine
from chalicelib.dashboard.forms import Form, Typed, Unfit
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.dashboard.zones import all_zones, offered_zones
from chalicelib.domain.finding import Finding, Verdict
from chalicelib.settings import Settings

SWEEP_OVERDUE: Final = timedelta(minutes=15)
"""Sweeps come every 5 minutes: so late, three of them did not."""
UNLIMITED: Final = "no limit"


class ZoneForm(BaseModel):
    """Name a time zone; empty is the browser's own."""

    model_config = ConfigDict(extra="forbid")

    zone: Annotated[str, Field(max_length=64)] = ""


@page("GET /dashboard/settings", VIEWER)
def show_settings(visit: Visit) -> Html:
    """Show how the service stands to those who look after it, and to all who they are."""
    is_keeper = visit.may("admin") and visit.sees_all
    return Html(
        "settings.html",
        {
            "zones": offered_zones(),
            "findings": _findings(visit) if is_keeper else (),
            "facts": _facts(visit.services.settings) if is_keeper else {},
            "projects": None if visit.sees_all else len(visit.actor.projects or ()),
        },
    )


@page("POST /dashboard/settings/zone", VIEWER, shown_by=show_settings)
def choose_zone(visit: Visit, form: Form[ZoneForm]) -> SeeOther:
    """Remember in the browser which zone to read times in."""
    del visit
    zone = form.model.zone.strip()
    if zone and zone not in all_zones():
        raise Unfit(Typed(form.values, {"zone": "there is no such time zone"}))
    return SeeOther("/dashboard/settings?notice=saved", zone=zone)


def _findings(visit: Visit) -> tuple[Finding, ...]:
    services = visit.services
    return (*examine(services.settings), _sweeper(visit), _outbox(visit))


def _sweeper(visit: Visit) -> Finding:
    last = visit.services.gauges.last_sweep()
    if last is None:
        hint = "Without sweeps nothing that a crash left is cleared, and no retention is applied."
        return Finding("sweeper", Verdict.WARNING, "it has not run yet", hint)
    age = visit.now - last.at
    found = f"last ran at {last.at:%Y-%m-%d %H:%M} UTC with {last.problems} problems"
    if age > SWEEP_OVERDUE:
        return Finding("sweeper", Verdict.MISSING, found, "Look whether workers run at all.")
    if last.problems:
        return Finding("sweeper", Verdict.WARNING, found, "Look into the log of the sweeper.")
    return Finding("sweeper", Verdict.OK, found)


def _outbox(visit: Visit) -> Finding:
    waiting = visit.services.gauges.notices_waiting()
    return Finding("outbox", Verdict.OK, f"{waiting} notices wait")


def _facts(settings: Settings) -> Mapping[str, str]:
    return {
        "Version": __version__,
        "Address": settings.public_url,
        "Records": f"DynamoDB, table {settings.table}" if settings.table else "SQLite",
        "Objects": f"bucket {settings.s3_bucket}" if settings.s3_bucket else "the data folder",
        "Object lock": settings.s3_lock or "none",
        "Workers at once": "as Step Functions starts them"
        if settings.table
        else str(settings.workers),
        "One dump may take": f"{settings.dump_deadline_s:.0f} s",
        "Waits for a lock": f"{settings.lock_timeout_s:.0f} s",
        "A run is in time for": f"{settings.schedule_grace_s:.0f} s",
        "Sources": "public addresses only" if settings.guards_hosts else "any address",
        "Requests of one key": _a_minute(settings.requests_per_minute),
        "Starts of one key": _a_minute(settings.starts_per_minute),
        "Dead-man's switch": "set" if settings.heartbeat_url else "none",
        "/metrics": "everybody" if settings.metrics == "open" else "with a key",
    }


def _a_minute(limit: int) -> str:
    return f"{limit} a minute" if limit else UNLIMITED
