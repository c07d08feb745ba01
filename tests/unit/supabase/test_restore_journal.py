"""A restore that cannot go on says what the target holds and what to do about it."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import SourceLost
from chalicelib.supabase.restore.journal import AGAIN, UNCOMPARED, Journal

LOST = SourceLost("the session is gone", hint="Look at the log.")


@pytest.mark.parametrize(
    ("phases", "message", "hint"),
    [
        ([], "the session is gone", "Look at the log."),
        (
            ["extensions"],
            "the session is gone, at the phase extensions",
            f"The target holds what the phase extensions had brought. {AGAIN}",
        ),
        (
            ["extensions", "roles", "rows"],
            "the session is gone, at the phase rows",
            f"The target holds extensions, roles, and a part of rows. {AGAIN}",
        ),
        (["rows", "compare"], "the session is gone, at the phase compare", UNCOMPARED),
    ],
)
def test_a_loss_is_told_with_how_far_it_came(phases: list[str], message: str, hint: str) -> None:
    journal = Journal()
    for phase in phases:
        journal.begin(phase)

    told = journal.told(LOST)

    assert isinstance(told, SourceLost)
    assert (told.message, told.hint) == (message, hint)
