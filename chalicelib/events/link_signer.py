"""The function `link_signer`: a token in, a short-lived URL or one word out."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.bootstrap.services import Services
from chalicelib.domain.errors import NotFound


def redeem(services: Services, event: Mapping[str, object]) -> dict[str, object]:
    """Redeem the token of the event; a link that does not work is an answer, not a failure."""
    try:
        return {"url": services.link_signer.redeem(str(event.get("token", "")))}
    except NotFound:
        return {"gone": True}
