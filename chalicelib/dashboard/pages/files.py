"""Style sheets and scripts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chalicelib.api.requests.fields import QueryString
from chalicelib.api.routing import PUBLIC
from chalicelib.dashboard.assets import asset_text, asset_version, content_type
from chalicelib.dashboard.routing import Text, page


class VersionQuery(QueryString):
    """Say which version is meant; pages name the one they were made with."""

    v: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")] | None = None


@page("GET /dashboard/static/{name}", PUBLIC)
def show_file(name: str, query: VersionQuery) -> Text:
    """Send a file of the package."""
    text = asset_text(name)
    return Text(text, content_type(name), is_lasting=query.v == asset_version(name))
