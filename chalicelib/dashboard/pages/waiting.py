"""What a page that waits for a job is told."""

from __future__ import annotations

from pydantic import BaseModel

from chalicelib.domain.backup import Status


class WaitView(BaseModel):
    """Tell an open page whether a job has ended; the other fields are those of a run."""

    status: Status
    step: str | None = None
    progress: None = None
