"""The way of a run: what is kept of it, and how long each part took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.backup import Step
from chalicelib.domain.restore import RestoreStep
from chalicelib.domain.run_steps import MAX_STEPS, WORDS, StepBegun, noted, timed, words_of

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEPS = st.lists(
    st.tuples(st.sampled_from(["dump", "verify"]), st.sampled_from([None, "files", "proof"])),
    min_size=1,
    max_size=60,
)


def begun(after_s: float, step: str = "dump", phase: str | None = None) -> StepBegun:
    began_at = START + timedelta(seconds=after_s)
    return StepBegun(step=step, phase=phase, attempt=1, began_at=began_at)


def seconds(*steps: StepBegun, ended_s: float | None) -> list[float | None]:
    ended_at = None if ended_s is None else START + timedelta(seconds=ended_s)
    return [taken.duration_s for taken in timed(steps, ended_at)]


def test_a_step_takes_until_the_next_one() -> None:
    assert seconds(begun(0, "prepare"), begun(2), begun(9, "verify"), ended_s=20) == [2, 7, 11]


def test_a_phase_is_part_of_its_step_and_takes_until_whatever_comes_next() -> None:
    steps = (begun(0), begun(3, phase="files"), begun(4, phase="roles"), begun(9, "verify"))

    assert seconds(*steps, ended_s=10) == [9, 1, 5, 1]


def test_where_a_run_stands_has_no_length_yet() -> None:
    assert seconds(begun(0), begun(3, "verify"), begun(4, phase="proof"), ended_s=None) == [
        3, None, None,
    ]  # fmt: skip


def test_clocks_that_differ_make_no_negative_length() -> None:
    assert seconds(begun(5), begun(3, "verify"), ended_s=1) == [0, 0]


@given(STEPS)
def test_a_run_that_goes_on_for_ever_keeps_its_newest_steps(names: list[tuple[str, str]]) -> None:
    kept: tuple[StepBegun, ...] = ()
    for second, (step, phase) in enumerate(names):
        kept = noted(kept, begun(second, step, phase))

    assert len(kept) == min(len(names), MAX_STEPS)
    assert kept[-1].began_at == START + timedelta(seconds=len(names) - 1)
    assert all(later.began_at > one.began_at for one, later in pairwise(kept))


@given(STEPS)
def test_the_steps_of_a_run_fill_it_without_gaps(names: list[tuple[str, str]]) -> None:
    steps = (begun(0), *(begun(at, *name) for at, name in enumerate(names, start=1)))

    taken = timed(steps, START + timedelta(seconds=100))

    whole = sum(one.duration_s or 0 for one in taken if one.begun.phase is None)
    assert whole == 100


@pytest.mark.parametrize(("kind", "steps"), [("backup", Step), ("restore", RestoreStep)])
def test_every_step_has_words_of_its_own(kind: str, steps: type[Step | RestoreStep]) -> None:
    told = {words_of(kind, begun(0, step.value)) for step in steps}

    assert len(told) == len(steps)
    assert told <= set(WORDS[kind].values())


def test_a_phase_that_nobody_worded_says_its_name() -> None:
    assert words_of("restore", begun(0, "restore", "vectors")) == "vectors"
