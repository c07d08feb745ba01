"""Sign in and out."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chalicelib.api.requests.fields import QueryString
from chalicelib.api.routing import PUBLIC, VIEWER
from chalicelib.dashboard.forms import Form, Typed, Unfit
from chalicelib.dashboard.own_paths import OURS
from chalicelib.dashboard.routing import Html, SeeOther, Visit, page
from chalicelib.domain.errors import Unauthenticated


class NextQuery(QueryString):
    """Say which page to go on to."""

    next: Annotated[str, Field(pattern=OURS, max_length=500)] = "/"


class SignInForm(BaseModel):
    """Show an API key."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[SecretStr, Field(max_length=500)]
    next: Annotated[str, Field(pattern=OURS, max_length=500)] = "/"


class EmptyForm(BaseModel):
    """Be a form that is nothing but a button."""

    model_config = ConfigDict(extra="forbid")


@page("GET /session/new", PUBLIC)
def show_sign_in(visit: Visit, query: NextQuery) -> Html:
    """Ask for a key."""
    return Html("sign_in.html", {"next": visit.typed.value("next", query.next)})


@page("POST /session", PUBLIC, shown_by=show_sign_in)
def sign_in(visit: Visit, form: Form[SignInForm]) -> SeeOther:
    """Take a key and go on to where the visitor wanted."""
    try:
        cookie = visit.services.sessions.sign_in(form.model.key.get_secret_value().strip())
    except Unauthenticated as error:
        wrong = {"key": "this key is not valid, or no longer"}
        raise Unfit(Typed({"next": form.model.next}, wrong)) from error
    return SeeOther(form.model.next, cookie=cookie)


@page("POST /session/end", VIEWER, shown_by=show_sign_in)
def sign_out(visit: Visit, form: Form[EmptyForm]) -> SeeOther:
    """End the session, here and in the browser."""
    del form
    if visit.cookie is not None:
        visit.services.sessions.sign_out(visit.cookie)
    return SeeOther("/session/new?notice=signed-out", cookie="")
