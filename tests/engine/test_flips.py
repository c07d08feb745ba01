"""A bit that flips anywhere in a backup is found; the soak flips thousands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.bootstrap.services import embedded
from chalicelib.domain.connection import Connection
from chalicelib.local.postgres import LocalPostgres
from chalicelib.settings import Settings
from tests.soak.flips import Tally, broken, play, report
from tests.support.flips import PARTS, Flip, FlipStand, made

FLIPS = 16


@pytest.fixture(params=["none", "gzip"])
def stand(
    request: pytest.FixtureRequest,
    postgres18: LocalPostgres,
    database: Callable[..., Connection],
    tmp_path: Path,
) -> FlipStand:
    """Give a completed backup in each codec."""
    return made(embedded(Settings(data=tmp_path)), database(postgres18), request.param)


@pytest.mark.postgres
def test_a_flipped_bit_is_refused_wherever_it_is(stand: FlipStand) -> None:
    tallies: dict[str, Tally] = {}

    failures = list(play(stand, "codec", (FLIPS, 3), tallies))

    assert failures == []
    assert {where.partition(",")[0] for where in tallies} == set(PARTS)


@pytest.mark.postgres
def test_the_same_checks_pass_what_is_whole(stand: FlipStand) -> None:
    assert stand.ending() == "passed"


@pytest.mark.parametrize(
    ("verified", "read", "failures"),
    [
        ("integrity_failed", "refused: unsupported", 0),
        ("integrity_failed", "unnoticed", 0),
        ("internal", "refused", 1),
        ("passed", "hung", 2),
        ("integrity_failed", "crashed: MemoryError()", 1),
    ],
)
def test_all_but_a_refusal_is_a_failure(verified: str, read: str, failures: int) -> None:
    assert len(list(broken("data", Flip(1, 2), verified, read))) == failures


def test_the_bound_is_stated_only_when_all_were_refused() -> None:
    good, bad = Tally(), Tally()
    good.verified["integrity_failed"] = bad.verified["integrity_failed"] = 300
    bad.verified["passed"] = 1

    told = [report({"data": tally}, [], 1, 2.0).figures for tally in (good, bad)]

    assert [one["95 % bound on a flip that passes"] for one in told] == ["1.00%", "none"]
