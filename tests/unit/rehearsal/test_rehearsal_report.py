"""Promises of the rehearsal's report: nothing that did not pass looks as if it had."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.rehearsal.__main__ import exit_code
from tests.rehearsal.adaptation import SUBSTITUTIONS
from tests.rehearsal.report import Case, Rehearsal, written

PASSED = Case("a backup completes", "passed", 3.21)
FAILED = Case("a backup fails", "failed", 0.5)
LEFT_OUT = Case("a proof", "skipped", 0.0, "NOT REHEARSED: no PostgreSQL with TLS")


def rehearsal(*cases: Case) -> Rehearsal:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return Rehearsal("abc", now, "2 CPUs", {"SeaweedFS": "4.48"}, cases, 20.0)


@pytest.mark.parametrize(
    ("cases", "told", "code"),
    [
        ((PASSED,), pytest.ExitCode.OK, 0),
        ((PASSED, FAILED), pytest.ExitCode.TESTS_FAILED, 1),
        ((PASSED,), pytest.ExitCode.INTERRUPTED, 1),
        ((PASSED, LEFT_OUT), pytest.ExitCode.OK, 2),
        ((), pytest.ExitCode.NO_TESTS_COLLECTED, 1),
    ],
)
def test_only_a_rehearsal_in_which_every_case_passed_is_whole(
    cases: tuple[Case, ...], told: int, code: int
) -> None:
    assert exit_code(rehearsal(*cases), told) == code


def test_the_report_names_every_case_its_end_and_its_seconds() -> None:
    text = rehearsal(PASSED, FAILED, LEFT_OUT).text()

    assert "| a backup completes | passed  | 3.2 |" in text
    assert "| a backup fails | failed  | 0.5 |" in text
    assert "skipped NOT REHEARSED: no PostgreSQL with TLS" in text


def test_the_report_says_what_stood_in_for_what(tmp_path: Path) -> None:
    text = written(rehearsal(PASSED), tmp_path / "new" / "report.md").read_text()

    assert all(f"| {one.part} | {one.by} | {one.untested} |" in text for one in SUBSTITUTIONS)
    assert "2026-03-01 12:00 UTC, revision abc, 2 CPUs" in text
