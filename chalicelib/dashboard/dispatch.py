"""One visit: who looks, may they, is the form theirs, do it, show it."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, get_type_hints
from urllib.parse import quote

from chalice.app import Request, Response
from pydantic import BaseModel

from chalicelib.api.dispatch import NOBODY, SERVER_ERROR, address_of, path_arguments
from chalicelib.api.parsing import MAX_BODY_BYTES, parse_query, query_values, too_large
from chalicelib.api.problems import Headers, Problem, Refused, problem_of
from chalicelib.bootstrap.services import Services
from chalicelib.dashboard.cookies import read_cookie, set_cookie
from chalicelib.dashboard.forms import Unfit, read_fields, read_form
from chalicelib.dashboard.rendering import Frame, render, stage_prefix
from chalicelib.dashboard.routing import Handler, Html, PageRoute, SeeOther, Text, Visit
from chalicelib.dashboard.zones import read_zone, set_zone
from chalicelib.domain.errors import Forbidden, HoldfastError, Internal, Unauthenticated
from chalicelib.observability import described, log

FORM_TYPE: Final = "application/x-www-form-urlencoded"
UNFIT: Final = 422
PAGE_HEADERS: Final = MappingProxyType(
    {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
            " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        # A form is compared with its own session; the address is for nobody else.
        "Referrer-Policy": "same-origin",
        "X-Frame-Options": "DENY",
    }
)
NOTICES: Final = MappingProxyType(
    {
        "started": "The backup has been asked for.",
        "cancelled": "The backup is being cancelled.",
        "stopping": "The restore is being cancelled.",
        "saved": "Saved.",
        "deleted": "Deleted.",
        "locked": "Locked: retention leaves it alone.",
        "unlocked": "Unlocked.",
        "none-chosen": "Nothing was chosen.",
        "revoked": "The link has ended.",
        "verifying": "A worker is reading the backup again.",
        "signed-out": "You have signed out.",
    }
)
"""What a page says after a form was taken; the address names one of these, never a text."""


@dataclass(frozen=True)
class PageDispatcher:
    """Answer visits with pages; services are made on the first one."""

    services: Callable[[], Services]
    new_id: Callable[[], str]

    def answer(self, route: PageRoute, request: Request, values: Mapping[str, str]) -> Response:
        """Return the page, or the page of what went wrong; never raises."""
        visit = Visit(self.services(), NOBODY, None)
        try:
            visit = _visit(visit.services, route, request)
            return self._answered(route, visit, request, values)
        except Unauthenticated:
            return _sign_in_first(visit, request)
        except Refused as error:
            return _problem_page(visit, request, error.problem)
        except HoldfastError as error:
            return _problem_page(visit, request, self._problem(route, error))
        except Exception as error:  # noqa: BLE001 - the entry point of every visit
            return _problem_page(visit, request, self._incident(route, error))

    def _answered(
        self, route: PageRoute, visit: Visit, request: Request, values: Mapping[str, str]
    ) -> Response:
        # First whether the form is theirs: nobody else hears what a path's id leads to.
        fields = _checked_fields(route, visit, request) if route.form is not None else {}
        arguments = path_arguments(visit.call, values)
        arguments["query"] = parse_query(route.query, _without_notice(request))
        try:
            if route.form is not None:
                arguments["form"] = read_form(route.form, fields)
            # Counted only now: a form that is refused anyway starts nothing.
            if route.starts_work:
                visit.services.rate_limits.start(visit.actor)
            result = route.handler(**_wanted(route.takes, arguments, visit))
        except Unfit as error:
            if route.shown_by is None:
                raise Internal("a form was refused that no page shows") from error
            visit = replace(visit, typed=error.typed)
            result = replace(_shown_again(route.shown_by, arguments, visit), status=UNFIT)
        return _response(visit, request, result)

    def _problem(self, route: PageRoute, error: HoldfastError) -> Problem:
        problem = problem_of(error)
        if problem.status < SERVER_ERROR:
            return problem
        return problem_of(error, instance=self._recorded(route, error))

    def _incident(self, route: PageRoute, error: Exception) -> Problem:
        instance = self._recorded(route, error)
        return problem_of(
            Internal("something happened that should not", hint=f"Find {instance} in the log."),
            instance=instance,
        )

    def _recorded(self, route: PageRoute, error: Exception) -> str:
        instance = self.new_id()
        log().error(
            "visit failed",
            extra={
                "incident": instance,
                "operation": f"{route.method} {route.path}",
                "exceptions": described(error),
            },
        )
        return instance


def _visit(services: Services, route: PageRoute, request: Request) -> Visit:
    header = str(request.headers.get("cookie", ""))
    cookie, zone = read_cookie(header, services.settings.public_url), read_zone(header)
    if route.allow.role is None:
        services.rate_limits.stranger(address_of(request))
        return Visit(services, NOBODY, cookie, zone_name=zone)
    if cookie is None:
        raise Unauthenticated("nobody has signed in")
    visit = Visit(services, services.sessions.actor(cookie), cookie, zone_name=zone)
    services.rate_limits.request(visit.actor)
    if not visit.actor.may(route.allow.role):
        raise Forbidden(f"this needs the role {route.allow.role}")
    if route.allow.everywhere and visit.actor.projects is not None:
        raise Forbidden("this needs a key that reaches all projects")
    return visit


def _checked_fields(route: PageRoute, visit: Visit, request: Request) -> dict[str, str]:
    if len(request.raw_body) > MAX_BODY_BYTES:
        raise too_large()
    if not request.headers.get("content-type", "").startswith(FORM_TYPE):
        raise Forbidden("this takes forms only")
    # older browsers do not say: of those the token below tells
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise _foreign()
    fields = read_fields(request.raw_body)
    # Whoever signs in uses no session's rights, not even of one that is still in the browser.
    expected = visit.csrf if route.allow.role is not None else None
    if expected and not hmac.compare_digest(fields.get("csrf", ""), expected):
        raise _foreign()
    return fields


def _foreign() -> Forbidden:
    return Forbidden(
        "the form is not from this session", hint="Go back, load the page again, and repeat."
    )


def _wanted(
    takes: frozenset[str], arguments: Mapping[str, object], visit: Visit
) -> dict[str, object]:
    every = {**arguments, "visit": visit}
    return {name: every[name] for name in takes if name in every}


def _shown_again(shown_by: Handler, arguments: Mapping[str, object], visit: Visit) -> Html:
    hints = get_type_hints(shown_by)
    # The page was asked for some other way now, so its query is the one that says nothing.
    query = {"query": hints["query"]()} if "query" in hints else {}
    result = shown_by(**_wanted(frozenset(hints), {**arguments, **query}, visit))
    if not isinstance(result, Html):
        raise Internal("a refused form is shown by something that is no page")
    return result


def _without_notice(request: Request) -> dict[str, list[str]]:
    found = query_values(request)
    found.pop("notice", None)
    return found


def frame_of(visit: Visit, path: str, notice: str = "") -> Frame:
    """Return what every page of a visit shows around its own content."""
    signed_in = visit.actor is not NOBODY
    return Frame(
        prefix=stage_prefix(visit.services.settings.public_url),
        csrf=visit.csrf if signed_in else None,
        role=visit.actor.role.value if signed_in else None,
        path=path,
        notice=NOTICES.get(notice),
        zone=visit.zone_name,
        is_demo=signed_in and visit.services.is_demo,
    )


def _frame(visit: Visit, request: Request) -> Frame:
    notice = (query_values(request).get("notice") or [""])[0]
    return frame_of(visit, str(request.path), notice)


def _response(visit: Visit, request: Request, result: object) -> Response:
    if isinstance(result, SeeOther):
        return _see_other(visit, result)
    if isinstance(result, Text):
        headers: Headers = {"Content-Type": result.content_type}
        if result.is_lasting:
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return Response(result.body, headers, 200)
    if isinstance(result, BaseModel):
        return Response(result.model_dump_json(), {"Content-Type": "application/json"}, 200)
    if not isinstance(result, Html):
        raise Internal(f"a page answered with {type(result).__name__}")
    values = {"visit": visit, "typed": visit.typed, **result.values}
    body = render(result.template, _frame(visit, request), values)
    return Response(body, dict(PAGE_HEADERS), result.status)


def _see_other(visit: Visit, result: SeeOther) -> Response:
    public_url = visit.services.settings.public_url
    location = result.path if result.is_foreign else stage_prefix(public_url) + result.path
    headers: Headers = {"Location": location}
    if result.cookie is not None:
        headers["Set-Cookie"] = set_cookie(result.cookie, public_url)
    elif result.zone is not None:
        headers["Set-Cookie"] = set_zone(result.zone)
    return Response("", headers, 303)


def _sign_in_first(visit: Visit, request: Request) -> Response:
    # Only a page can be gone back to; a form would be posted twice, or to somebody else's session.
    target = quote(str(request.path), safe="/") if request.method == "GET" else "/"
    return _see_other(visit, SeeOther(f"/session/new?next={quote(target, safe='')}", cookie=""))


def _problem_page(visit: Visit, request: Request, problem: Problem) -> Response:
    answer = Html("problem.html", {"problem": problem}, status=problem.status)
    response = _response(visit, request, answer)
    if problem.retry_after_s is not None:
        response.headers["Retry-After"] = str(problem.retry_after_s)
    return response
