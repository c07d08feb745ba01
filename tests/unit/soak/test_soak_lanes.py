"""Promises of `python -m tests.soak`: every lane runs, leaves its report, and no failure hides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.soak.__main__ import Lane, lanes, loaded, main
from tests.soak.report import Report


def broken(arguments: list[str]) -> Report:
    raise ValueError("on purpose")


def lane(name: str, *failures: str, kept: bool = True) -> Lane:
    return lambda arguments: Report(name, {"cases": 1}, failures, kept=kept)


def test_every_lane_leaves_its_report(tmp_path: Path) -> None:
    exit_code = main(["all"], tmp_path, lane)

    assert exit_code == 0
    assert sorted(path.stem for path in tmp_path.iterdir()) == lanes()


@pytest.mark.parametrize("bad", lanes())
def test_one_failure_of_any_lane_fails_all_of_them(tmp_path: Path, bad: str) -> None:
    exit_code = main(["all"], tmp_path, lambda name: lane(name, *(["it broke"] * (name == bad))))

    assert exit_code == 1
    assert len(list(tmp_path.iterdir())) == len(lanes())


def test_a_lane_that_breaks_has_failed_and_says_so_in_its_report(tmp_path: Path) -> None:
    exit_code = main(["hosts"], tmp_path, lambda name: broken)

    report = json.loads((tmp_path / "hosts.json").read_text())
    assert exit_code == 1
    assert report["failures"] == ["the lane itself broke: ValueError: on purpose"]


def test_looking_at_one_case_again_leaves_the_report_alone(tmp_path: Path) -> None:
    main(["simulation"], tmp_path, lambda name: lane(name, kept=False))

    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_lane_is_wrong_usage(tmp_path: Path) -> None:
    assert main(["nothing"], tmp_path) == 2


def test_the_lanes_are_those_that_can_be_run() -> None:
    assert {"api", "faults", "hosts", "simulation"} <= set(lanes())
    assert all(callable(loaded(name)) for name in lanes())


def test_a_real_lane_states_its_cases_and_its_violations(tmp_path: Path) -> None:
    exit_code = main(["hosts", "--urls", "200", "--seed", "5"], tmp_path)

    figures = json.loads((tmp_path / "hosts.json").read_text())["figures"]
    assert exit_code == 0
    assert (figures["URLs"], figures["violations (read in another way)"]) == (200, 0)
