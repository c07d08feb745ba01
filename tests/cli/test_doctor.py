"""`holdfast doctor`: what it finds on machines that lack something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def _finding(done: Any, what: str) -> dict[str, str]:
    (found,) = [finding for finding in done.json["findings"] if finding["what"] == what]
    assert found.keys() == {"what", "verdict", "found", "hint"}
    return dict(found)


def test_a_folder_that_is_not_there_yet_is_fine_and_not_made(shell: Any, tmp_path: Path) -> None:
    done = shell.run("doctor", "--json", "--data", tmp_path / "a" / "b")

    assert _finding(done, "data folder")["verdict"] == "ok"
    assert "will be made" in _finding(done, "data folder")["found"]
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("data", ["/proc/holdfast", "/dev/null/holdfast", "/sys"])
def test_a_folder_that_cannot_be_written_to_is_missing(shell: Any, data: str) -> None:
    done = shell.run("doctor", "--json", HOLDFAST_DATA=data)

    assert (done.code, done.json["healthy"]) == (1, False)
    assert _finding(done, "data folder")["verdict"] == "missing"
    assert "--data" in _finding(done, "data folder")["hint"]


def test_a_link_to_nowhere_is_missing(shell: Any, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")

    done = shell.run("doctor", "--json", HOLDFAST_DATA=str(tmp_path / "link"))

    assert done.code == 1
    assert _finding(done, "data folder")["verdict"] == "missing"


def test_a_folder_that_others_can_look_into_is_a_warning(shell: Any, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)

    done = shell.run("doctor", "--json", "--data", folder)

    assert _finding(done, "data folder")["verdict"] == "warning"
    assert f"chmod 700 {folder}" in _finding(done, "data folder")["hint"]


def test_a_broken_client_keeps_this_machine_from_working(shell: Any, tmp_path: Path) -> None:
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)

    done = shell.run("doctor", "--json", HOLDFAST_CLIENT_DIRS=str(tmp_path))

    assert done.code == 1
    assert _finding(done, "postgresql clients")["verdict"] == "missing"


def test_a_service_that_answers_is_named_with_its_version(shell: Any, served: Any) -> None:
    done = shell.run("doctor", "--json", HOLDFAST_URL=served.url)

    assert _finding(done, "service")["verdict"] == "ok"
    assert _finding(done, "service")["found"].endswith(" at 127.0.0.1")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://u:canary-71@127.0.0.1:1", "nonsense"]
)
def test_a_service_that_does_not_answer_is_missing(shell: Any, url: str) -> None:
    done = shell.run("doctor", "--json", HOLDFAST_URL=url)

    assert done.code == 1
    assert _finding(done, "service")["verdict"] == "missing"
    assert "canary" not in done.out


def test_without_a_url_no_service_is_looked_for(shell: Any) -> None:
    done = shell.run("doctor", "--json")

    assert "service" not in {finding["what"] for finding in done.json["findings"]}


def test_the_plain_form_is_a_line_per_finding(shell: Any) -> None:
    done = shell.run("doctor")

    lines = [line.split("\t") for line in done.out.splitlines()]
    assert {len(line) for line in lines} == {4}
    assert lines[0][:2] == ["ok", "python"]
