"""What callers see of links and keys."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from chalicelib.api.views.answers import PageView, View
from chalicelib.domain.access import ApiKey, Role
from chalicelib.domain.link import Link


class LinkView(View):
    """Show a link, never its token."""

    id: str
    backup_id: str
    artefact: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    max_uses: int
    uses: int
    revoked_at: datetime | None

    @classmethod
    def of(cls, link: Link) -> Self:
        """Show this link."""
        return cls(**{name: getattr(link, name) for name in LinkView.model_fields})


class NewLinkView(View):
    """Show a new link with its token, this once."""

    id: str
    url: str
    token: str
    expires_at: datetime
    artefact: str
    max_uses: int


class LinkPage(PageView):
    """Show one page of links, newest first."""

    items: tuple[LinkView, ...]


class KeyView(View):
    """Show a key, never its secret; `projects` null reaches all."""

    id: str
    name: str
    role: Role
    projects: tuple[str, ...] | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Show this key."""
        return cls(**{name: getattr(key, name) for name in KeyView.model_fields})


class NewKeyView(KeyView):
    """Show a new key with its token, this once."""

    token: str

    @classmethod
    def issued(cls, key: ApiKey, token: str) -> Self:
        """Show this key and the token that nobody will see again."""
        return cls(**KeyView.of(key).model_dump(), token=token)


class KeyPage(PageView):
    """Show one page of keys, newest first, revoked ones included."""

    items: tuple[KeyView, ...]
