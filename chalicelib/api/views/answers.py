"""What all answers share, and the answer about our health."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """Be an answer."""

    model_config = ConfigDict(frozen=True)


class PageView(View):
    """Hold what all pages share; `next_cursor` null means that was all."""

    next_cursor: str | None


class HealthView(View):
    """Say that the service answers and can read its records."""

    status: str
    version: str
    catalog: str
