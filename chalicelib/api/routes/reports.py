"""What happened and how things stand: the audit log, statistics, metrics."""

from __future__ import annotations

from chalicelib.api import cursors
from chalicelib.api.exposition import CONTENT_TYPE, exposition
from chalicelib.api.requests.reports import AuditQuery, StatsQuery
from chalicelib.api.routing import ADMIN, METRICS, VIEWER, Call, PlainText, route
from chalicelib.api.views.reports import AuditPage, AuditView, StatsPage, StatsView
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.services.audit_log import AuditFilter


@route("GET /v1/audit", ADMIN)
def list_audit(call: Call, query: AuditQuery) -> AuditPage:
    """List who did what, newest first.

    A key that is limited to projects sees what concerns these only.
    """
    if query.project is not None:
        call.project(query.project)
    digest = cursors.filter_digest("audit", query)
    wanted = AuditFilter(
        project_id=query.project,
        subject_id=query.subject,
        who=query.who,
        what=query.what,
        since=query.since,
        until=query.until,
        projects=call.actor.projects,
    )
    before_id = cursors.decode(query.cursor, digest)
    page = call.services.audit_log.find(wanted, limit=query.limit, before_id=before_id)
    return AuditPage(
        items=tuple(AuditView.of(event) for event in page.items),
        next_cursor=cursors.encode(page.next_before_id, digest),
    )


@route("GET /v1/stats", VIEWER)
def list_stats(call: Call, query: StatsQuery) -> StatsPage:
    """Show how backups went, project by project, from daily rollups."""
    stats = call.services.stats
    if query.project is not None:
        one = stats.of(call.project(query.project), query.days)
        return StatsPage(items=(StatsView.of(one, daily=True),), next_cursor=None)
    digest = cursors.filter_digest("stats", query)
    page = call.services.projects.find(
        Query(
            Project,
            before_id=cursors.decode(query.cursor, digest),
            limit=query.limit,
            keep=lambda project: call.actor.sees(project.id),
        )
    )
    found = (stats.of(project, query.days) for project in page.items)
    return StatsPage(
        items=tuple(StatsView.of(one, daily=False) for one in found),
        next_cursor=cursors.encode(page.next_before_id, digest),
    )


@route("GET /metrics", METRICS)
def show_metrics(call: Call) -> PlainText:
    """Show how things stand, for Prometheus."""
    text = exposition(call.services.gauges.now(), call.actor)
    return PlainText(text=text, content_type=CONTENT_TYPE)
