"""What a rehearsal says of itself: each case with its seconds, and what stood in for what."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from tests.rehearsal.adaptation import SUBSTITUTIONS, Substitution
from tests.soak.report import revision
from tests.support import ministack, seaweedfs
from tests.support.servers import ROOT

KEPT: Final = ROOT / "infra" / "rehearsal" / "report.md"
VERSIONS: Final = pytest.StashKey[dict[str, str]]()
GIGABYTES: Final = pytest.StashKey[float]()
"""How large the database is that the case of speed backs up."""
PACKAGES: Final = ("chalice", "boto3", "awslambdaric")


@dataclass(frozen=True)
class Case:
    """Say what became of a case: passed, failed, or left out with a reason."""

    name: str
    outcome: str
    seconds: float
    reason: str = ""


@dataclass
class Recorder:
    """Note what pytest tells of each case; a plug-in of it."""

    gigabytes: float = 1.0
    cases: list[Case] = field(default_factory=list)
    setup_s: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)

    def pytest_configure(self, config: pytest.Config) -> None:
        """Hand over what the command line said."""
        config.stash[GIGABYTES] = self.gigabytes

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the call of a case, and whatever kept it from being called."""
        if report.when == "setup":
            self.setup_s += report.duration
        if report.when == "call" or report.outcome != "passed":
            name = report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")
            self.cases.append(Case(name, report.outcome, report.duration, _reason(report)))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Keep which versions took part, as the fixtures found them."""
        self.versions = session.config.stash.get(VERSIONS, {}) | _versions_here()


def note_version(config: pytest.Config, name: str, version: str) -> None:
    """Say which version of something takes part in this session."""
    config.stash.setdefault(VERSIONS, {})[name] = version


def _reason(report: pytest.TestReport) -> str:
    if report.outcome != "skipped":
        return ""
    where_and_why = report.longrepr
    return str(where_and_why[2] if isinstance(where_and_why, tuple) else where_and_why)


@dataclass(frozen=True)
class Rehearsal:
    """Hold a whole rehearsal; `versions` are by name."""

    revision: str
    date: datetime
    conditions: str
    versions: dict[str, str]
    cases: Sequence[Case]
    setup_s: float
    substitutions: Sequence[Substitution] = SUBSTITUTIONS

    @property
    def is_whole(self) -> bool:
        """Whether every case was run and passed."""
        return bool(self.cases) and all(case.outcome == "passed" for case in self.cases)

    def text(self) -> str:
        """Return the report as Markdown."""
        return "\n".join([*self._head(), *self._cases(), *self._stood_in(), ""])

    def _head(self) -> Iterator[str]:
        yield "# Rehearsal of the installation on AWS"
        yield ""
        yield "Written by `make rehearse`. The packaged template was deployed by the code of"
        yield "`make deploy`; its functions, state machines and API were used as callers use them."
        yield ""
        yield f"{self.date:%Y-%m-%d %H:%M} UTC, revision {self.revision}, {self.conditions}"
        yield ""
        yield ", ".join(f"{name} {version}" for name, version in self.versions.items())

    def _cases(self) -> Iterator[str]:
        yield ""
        yield "| case | | seconds |"
        yield "|---|---|--:|"
        yield f"| install: package, deploy, first key, source | | {self.setup_s:.1f} |"
        for case in self.cases:
            yield f"| {case.name} | {case.outcome} {case.reason} | {case.seconds:.1f} |"

    def _stood_in(self) -> Iterator[str]:
        yield ""
        yield "| part of AWS | what stood in | so untested |"
        yield "|---|---|---|"
        for one in self.substitutions:
            yield f"| {one.part} | {one.by} | {one.untested} |"


def rehearsal_of(recorder: Recorder, now: datetime) -> Rehearsal:
    """Return what was recorded, with where it was run, and how busy that machine was."""
    machine = f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"
    machine += f", load {os.getloadavg()[1]:.1f}"
    return Rehearsal(
        revision(ROOT), now, machine, recorder.versions, recorder.cases, recorder.setup_s
    )


def written(rehearsal: Rehearsal, path: Path = KEPT) -> Path:
    """Keep the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rehearsal.text())
    return path


def _versions_here() -> dict[str, str]:
    return {
        "Python of the worker": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "ministack": ministack.REQUIREMENT.rpartition("==")[2],
        "SeaweedFS": seaweedfs.REQUIREMENT.rpartition("==")[2],
    }
