"""Promises of the soak's reports: what they were made of, and what they may claim."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.soak.report import Report, bound_told, revision


def written(report: Report, folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(report.write(folder).read_text())
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit of one file."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "-c", "user.name=n", "-c", "user.email=e@x", "commit", "--quiet", "-m", "first")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", folder, *arguments], check=True)


def test_a_report_says_what_it_was_made_of_and_when(tmp_path: Path) -> None:
    found = written(Report("lane", {"cases": 7}, ("it broke",)), tmp_path)

    age = datetime.now(UTC) - datetime.fromisoformat(str(found["date"]))
    assert list(found) == ["revision", "date", "conditions", "lane", "figures", "failures"]
    assert (found["figures"], found["failures"]) == ({"cases": 7}, ["it broke"])
    assert timedelta(0) <= age < timedelta(minutes=5)


def test_the_revision_is_that_of_the_commit(repository: Path) -> None:
    assert len(revision(repository)) == 12


def test_changes_that_no_commit_has_are_told(repository: Path) -> None:
    (repository / "file").write_text("two")

    assert revision(repository).endswith(" with changes")


def test_outside_of_a_repository_the_revision_is_unknown(tmp_path: Path) -> None:
    assert revision(tmp_path) == "unknown"


@pytest.mark.parametrize(
    ("trials", "failures", "told"),
    [(300, 0, "1.0000%"), (300, 1, "none"), (1, 0, "100.0000%"), (0, 0, "100.0000%")],
)
def test_a_bound_is_claimed_only_without_a_failure(trials: int, failures: int, told: str) -> None:
    assert bound_told(trials, failures) == told
