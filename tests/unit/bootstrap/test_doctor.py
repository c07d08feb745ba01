from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.bootstrap.doctor import client_finding, client_findings
from chalicelib.domain.finding import Verdict
from chalicelib.engine.clients import Client, Clients
from chalicelib.engine.versions import parse


def _client(version: str = "18.7", *, has_tls: bool = True) -> Client:
    return Client(Path("/opt/pg/bin"), parse(version), has_tls, has_zstd=True)


@pytest.mark.parametrize(
    ("client", "policy", "verdict"),
    [
        (_client(), "refuse", Verdict.OK),
        (_client(has_tls=False), "warn", Verdict.WARNING),
        (_client("18.6"), "warn", Verdict.WARNING),
        (_client("18.6"), "refuse", Verdict.MISSING),
    ],
)
def test_a_client_is_judged_by_tls_and_known_holes(
    client: Client, policy: str, verdict: Verdict
) -> None:
    assert client_finding(client, floor_policy=policy).verdict is verdict


def _folder_with(folder: Path, pg_dump: str) -> Path:
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text(f"#!/bin/sh\n{pg_dump}\n")
        (folder / name).chmod(0o755)
    return folder


def test_without_any_client_it_says_how_to_get_one() -> None:
    (finding,) = client_findings(Clients([]), floor_policy="warn")

    assert (finding.verdict, finding.found) == (Verdict.MISSING, "none")
    assert "install" in finding.hint


@pytest.mark.parametrize("pg_dump", ["exit 127", "echo hello", "kill -9 $$"])
def test_a_broken_client_is_missing(tmp_path: Path, pg_dump: str) -> None:
    folder = _folder_with(tmp_path / "broken", pg_dump)

    (finding,) = client_findings(Clients([folder]), floor_policy="warn")

    assert finding.verdict is Verdict.MISSING
    assert finding.hint


def test_a_client_that_does_not_start_is_named(tmp_path: Path) -> None:
    folder = _folder_with(tmp_path / "broken", "true")
    (folder / "pg_dump").chmod(0o644)

    (finding,) = client_findings(Clients([folder]), floor_policy="warn")

    assert finding.verdict is Verdict.MISSING
    assert str(folder) in finding.found


def test_every_client_has_a_line_of_its_own(tmp_path: Path) -> None:
    says = "echo 'pg_dump (PostgreSQL) {}.1'"
    folders = [_folder_with(tmp_path / major, says.format(major)) for major in ("16", "17")]

    findings = list(client_findings(Clients(folders), floor_policy="warn"))

    assert [finding.found.split()[0] for finding in findings] == ["16.1", "17.1"]


def test_what_a_client_lacks_is_told_with_what_to_do() -> None:
    finding = client_finding(_client("18.6", has_tls=False), floor_policy="warn")

    assert "no TLS" in finding.found
    assert "install 18.7 or newer" in finding.hint
    assert "cannot back up servers that need TLS" in finding.hint
