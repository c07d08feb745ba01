"""How long a pipe is left to fill: simulated writers of many speeds."""

from __future__ import annotations

import pytest

from chalicelib.engine.pump import LONGEST_GATHER_S, PIPE_BYTES, Gatherer

READ_S = 0.0005  # what one turn takes besides the wait
TURNS = 200


def reads(bytes_per_s: float, pipe_bytes: int) -> list[tuple[float, float]]:
    """Return (bytes, seconds waited before) of the later reads from a writer of that speed."""
    gatherer = Gatherer(pipe_bytes)
    pause_s, found = 0.0, []
    for _ in range(TURNS):
        size = min(bytes_per_s * (pause_s + READ_S), pipe_bytes)
        found.append((size, pause_s))
        pause_s = gatherer.after(int(size))
    return found[TURNS // 2 :]


@pytest.mark.parametrize("pipe_bytes", [1 << 16, PIPE_BYTES])
@pytest.mark.parametrize("megabytes_per_s", [0.01, 1, 5, 30, 100, 300, 600])
def test_the_writer_hardly_ever_finds_the_pipe_full(
    megabytes_per_s: float, pipe_bytes: int
) -> None:
    later = reads(megabytes_per_s * 1e6, pipe_bytes)
    could_not_help = megabytes_per_s * 1e6 * READ_S >= pipe_bytes / 2
    full = sum(size == pipe_bytes for size, _ in later)
    assert could_not_help or full == 0


@pytest.mark.parametrize("megabytes_per_s", [20, 30, 100, 300])
def test_reads_bring_enough_to_be_worth_waking_up_for(megabytes_per_s: float) -> None:
    later = reads(megabytes_per_s * 1e6, PIPE_BYTES)
    assert min(size for size, _ in later) >= PIPE_BYTES / 16


def test_bytes_that_trickle_wait_no_longer_than_said() -> None:
    assert {pause_s for _, pause_s in reads(1000, PIPE_BYTES)} == {LONGEST_GATHER_S}
