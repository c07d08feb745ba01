"""Knock at a project's Storage: whether its key opens it, without reading any file."""

from __future__ import annotations

from typing import Final

import httpx

from chalicelib.domain.supabase import SupabaseSettings

TIMEOUT_S: Final = 20.0


def storage_refusal(settings: SupabaseSettings, key: str) -> str | None:
    """Return why Storage does not let the key in; None where it does."""
    headers = {"Authorization": f"Bearer {key}", "apikey": key}
    try:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=not settings.is_local) as client:
            answer = client.get(f"{settings.storage_url}/bucket", headers=headers)
    except httpx.RequestError:
        return "Storage does not answer"
    if answer.is_success:
        return None
    return f"Storage refused its key with status {answer.status_code}"
