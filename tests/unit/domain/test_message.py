"""What people read at three in the morning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.audit import Notice
from chalicelib.domain.channel import (
    FIRST_WAIT,
    LONGEST_WAIT,
    MAX_TRIES,
    Delivery,
    DeliveryState,
    claimed,
    failed,
)
from chalicelib.domain.errors import ChannelFailed
from chalicelib.domain.message import HINTS, MAX_SUBJECT, SUBJECTS, Message, message_of
from chalicelib.domain.notices import NoticeKind

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def message(event: str = "backup.failed", project: str = "shop", **body: str) -> Message:
    notice = Notice(id="N1", at=NOW, event=event, subject_id="B1", project_id="P1", body=body)
    return message_of(notice, project)


def test_every_kind_has_words_of_its_own() -> None:
    assert SUBJECTS.keys() == HINTS.keys() == set(NoticeKind)
    assert len(set(SUBJECTS.values())) == len(NoticeKind)


@pytest.mark.parametrize("kind", sorted(NoticeKind))
def test_a_subject_says_what_happened_to_which_project(kind: NoticeKind) -> None:
    told = message(kind)

    assert "{" not in told.subject
    assert ("shop" in told.subject) == (kind is not NoticeKind.CHANNEL_TEST)


def test_the_text_begins_with_what_to_do_and_ends_with_what_to_look_for() -> None:
    told = message(name="nightly", code="lock_timeout", hint="Find the session.")

    assert told.text.splitlines() == [
        "What to do: Find the session.",
        "",
        "Name: nightly",
        "Code: lock_timeout",
        "Project: shop",
        "Id: B1",
        "When: 2026-01-02 03:04:05 UTC",
        "Notice: backup.failed N1",
    ]


def test_a_project_that_is_gone_is_told_by_its_id() -> None:
    assert message(project="").subject == "Backup of P1 failed"


def test_a_kind_of_a_newer_version_is_told_all_the_same() -> None:
    assert message("backup.levitated").subject == "Holdfast tells: backup.levitated"


@given(st.text(max_size=400), st.text(max_size=400))
def test_a_subject_is_one_line_of_bounded_length(project: str, reason: str) -> None:
    subject = message(project=project, message=reason).subject

    assert subject.isprintable()
    assert len(subject) <= MAX_SUBJECT


@given(st.integers(0, 200), st.floats(0, 1, exclude_max=True))
def test_waits_grow_within_their_bounds(tries: int, chance: float) -> None:
    delivery = Delivery(
        id="N-C", channel_id="C", notice_id="N", queue="C", created_at=NOW, next_at=NOW, tries=tries
    )

    after = claimed(delivery, NOW, chance)

    assert after.tries == tries + 1
    assert FIRST_WAIT <= after.next_at - NOW <= LONGEST_WAIT * 1.5 + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("tries", "state", "queue"),
    [(MAX_TRIES - 1, DeliveryState.WAITING, "C"), (MAX_TRIES, DeliveryState.GIVEN_UP, None)],
)
def test_only_the_last_try_gives_up(tries: int, state: DeliveryState, queue: str | None) -> None:
    delivery = Delivery(
        id="N-C", channel_id="C", notice_id="N", queue="C", created_at=NOW, next_at=NOW, tries=tries
    )

    after = failed(delivery, NOW, ChannelFailed("no").info)

    assert (after.state, after.queue, after.error is not None) == (state, queue, True)
