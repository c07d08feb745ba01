"""What was refused before any page was found, as a page for people and unchanged for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chalice.app import Response

from chalicelib.api.dispatch import NOBODY
from chalicelib.api.problems import Problem
from chalicelib.bootstrap.services import Services
from chalicelib.dashboard.cookies import read_cookie
from chalicelib.dashboard.dispatch import PAGE_HEADERS, frame_of
from chalicelib.dashboard.forms import Typed
from chalicelib.dashboard.rendering import render
from chalicelib.dashboard.routing import Visit
from chalicelib.dashboard.zones import read_zone
from chalicelib.domain.errors import HoldfastError

OURS: Final = ("/dashboard", "/session")
"""Below these there are pages only."""
PROGRAMS: Final = "/v1"


@dataclass(frozen=True)
class ProblemPages:
    """Make pages of problems."""

    services: Services

    def shown(self, path: str, headers: Mapping[str, str], response: Response) -> Response:
        """Return a problem as a page where a page was asked for; else as it is."""
        if not _wants_page(path, headers.get("accept", "")):
            return response
        problem = Problem.model_validate_json(response.body)
        visit = self._visit(headers.get("cookie", ""))
        values = {"visit": visit, "typed": Typed(), "problem": problem}
        body = render("problem.html", frame_of(visit, path), values)
        kept = {name: text for name, text in response.headers.items() if name != "Content-Type"}
        return Response(body, {**PAGE_HEADERS, **kept}, response.status_code)

    def _visit(self, header: str) -> Visit:
        cookie = read_cookie(header, self.services.settings.public_url)
        stranger = Visit(self.services, NOBODY, cookie, zone_name=read_zone(header))
        if cookie is None:
            return stranger
        try:
            actor = self.services.sessions.actor(cookie)
        except HoldfastError:
            # Who it is decides on the frame alone here, and the problem is another one.
            return stranger
        return Visit(self.services, actor, cookie, zone_name=read_zone(header))


def _wants_page(path: str, accept: str) -> bool:
    is_ours = any(path == one or path.startswith(one + "/") for one in OURS)
    return is_ours or (not path.startswith(PROGRAMS) and "text/html" in accept)
