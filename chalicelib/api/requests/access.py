"""What callers may send about links and keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chalicelib.api.requests.fields import Body, Instant, OneLine, RecordId, seconds_of
from chalicelib.domain.access import Role
from chalicelib.domain.link import MAX_LIFETIME
from chalicelib.domain.whole_number import WHOLE
from chalicelib.services.links import DEFAULT_LIFETIME


class LinkRequest(Body):
    """Ask for a download link; `artefact` None is the dump itself.

    A file of a project's storage goes by its `key` in `storage-files.jsonl`, as `files/17`.
    """

    artefact: OneLine | None = None
    lifetime_s: Annotated[int, Field(ge=1, le=seconds_of(MAX_LIFETIME)), WHOLE] = seconds_of(
        DEFAULT_LIFETIME
    )
    max_uses: Annotated[int, Field(ge=1, le=1000), WHOLE] = 1


class KeyRequest(Body):
    """Ask for an API key; `projects` left out reaches all, `expires_at` left out never ends."""

    name: OneLine
    role: Role
    projects: Annotated[tuple[RecordId, ...], Field(min_length=1, max_length=1000)] | None = None
    expires_at: Instant | None = None
