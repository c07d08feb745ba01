"""A link: an expiring token that hands out one artefact.

Only the token's hash is stored. One use opens a window in which the same token signs again, so
that a broken download can resume; the window does not outlive the link itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from chalicelib.domain.errors import NotFound
from chalicelib.domain.record import Moment, Record

USE_WINDOW: Final = timedelta(hours=24)
MAX_LIFETIME: Final = timedelta(days=30)
SIGNED_FOR: Final = timedelta(minutes=15)
"""How long the signed URL behind a redeemed link lives, at most."""


class Link(Record):
    """An expiring permission to download one artefact of one backup."""

    kind: ClassVar[str] = "link"
    indexes: ClassVar[tuple[str, ...]] = ("backup_id",)

    backup_id: str
    project_id: str
    artefact: str
    token_sha256: str
    created_at: Moment
    created_by: str
    expires_at: Moment
    max_uses: int = 1
    uses: int = 0
    window_until: Moment | None = None
    revoked_at: Moment | None = None

    @property
    def uses_left(self) -> int:
        """How often the link can still be used, besides what an open window repeats."""
        return max(self.max_uses - self.uses, 0)

    def works(self, now: datetime) -> bool:
        """Tell whether the token still hands something out."""
        try:
            redeemed(self, now)
        except NotFound:
            return False
        return True


def redeemed(link: Link, now: datetime) -> Link:
    """Return the link after one more redemption.

    Raises NotFound for expired, revoked and used-up links alike: an outsider learns nothing.
    """
    if link.revoked_at is not None or now >= link.expires_at:
        raise gone()
    if link.window_until is not None and now < link.window_until:
        return link
    if link.uses >= link.max_uses:
        raise gone()
    return link.model_copy(
        update={"uses": link.uses + 1, "window_until": min(now + USE_WINDOW, link.expires_at)}
    )


def gone() -> NotFound:
    """Be the one answer to every link that does not work."""
    return NotFound(
        "this link is not valid (any more)",
        hint="Ask for a new link; links expire and have a number of uses.",
    )
