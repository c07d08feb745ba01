"""The page decorator: what a page needs is read off its handler, as the API does it.

A handler names what it takes, any of: `visit`, `query` (a pydantic model), `form` (`Form[Model]`
of what was posted), the records its path names, and plain path values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, TypeVar, get_args, get_type_hints
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from chalicelib.api.requests.fields import QueryString
from chalicelib.api.routing import Allow, Call
from chalicelib.bootstrap.services import Services
from chalicelib.dashboard.forms import Typed
from chalicelib.domain.access import Actor, Role
from chalicelib.domain.session import csrf_token

Handler = Callable[..., object]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Visit:
    """Say who looks, and with which session; `cookie` None is somebody who has not signed in.

    `zone_name` is the time zone that was chosen to read times in; None is the browser's own.
    """

    services: Services
    actor: Actor
    cookie: str | None
    typed: Typed = field(default_factory=Typed)
    zone_name: str | None = None

    @property
    def call(self) -> Call:
        """The same visitor as the API's handlers know it."""
        return Call(self.services, self.actor)

    @property
    def now(self) -> datetime:
        """The time of the visit."""
        return self.services.ledger.clock.now()

    @property
    def zone(self) -> tzinfo:
        """The zone that times are written in here; a script may put them into the browser's."""
        return ZoneInfo(self.zone_name) if self.zone_name else UTC

    @property
    def sees_all(self) -> bool:
        """Whether the visitor's key reaches all projects, as what belongs to none asks for."""
        return self.cookie is not None and self.actor.projects is None

    @property
    def csrf(self) -> str | None:
        """What a form of this session carries."""
        return csrf_token(self.cookie) if self.cookie else None

    def may(self, role: str) -> bool:
        """Tell whether the visitor's role reaches this far, so that no dead button is shown."""
        return self.cookie is not None and self.actor.may(Role(role))


@dataclass(frozen=True)
class Html:
    """Answer with a page made of a template."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class SeeOther:
    """Send the browser on, so that a reload repeats nothing; `cookie` "" ends the session.

    `path` is one of ours unless `is_foreign` says that it is a URL as it stands. `zone` chooses the
    zone to read times in, "" the browser's.
    """

    path: str
    cookie: str | None = None
    zone: str | None = None
    is_foreign: bool = False


@dataclass(frozen=True)
class Text:
    """Answer with a text that browsers may keep when its address holds its digest."""

    body: str
    content_type: str
    is_lasting: bool = False


Answer = Html | SeeOther | Text | BaseModel


@dataclass(frozen=True)
class PageRoute:
    """Describe one page or form; `shown_by` is the page that shows a refused form again."""

    method: str
    path: str
    handler: Handler
    allow: Allow
    takes: frozenset[str]
    query: type[BaseModel]
    form: type[BaseModel] | None
    shown_by: Handler | None
    starts_work: bool

    @property
    def name(self) -> str:
        """The name of the operation, apart from those of the API."""
        return f"page_{self.handler.__name__}"


PAGES: Final[list[PageRoute]] = []


def page(
    target: str, allow: Allow, *, shown_by: Handler | None = None, starts_work: bool = False
) -> Callable[[H], H]:
    """Register the handler for a target such as `GET /dashboard/backups/history`."""

    def register(handler: H) -> H:
        hints = get_type_hints(handler)
        hints.pop("return")
        method, _, path = target.partition(" ")
        form = get_args(hints["form"])[0] if "form" in hints else None
        # fails at import, as an unguarded route of the API does
        if method == "POST" and form is None:
            raise TypeError(f"{target}: a form without a model would pass unread")
        PAGES.append(
            PageRoute(
                method,
                path,
                handler,
                allow,
                takes=frozenset(hints),
                query=hints.get("query", QueryString),
                form=form,
                shown_by=shown_by,
                starts_work=starts_work,
            )
        )
        return handler

    return register
