"""The examples for pipelines and for curl, run as plain shell against a service that answers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import DumpFailed
from chalicelib.domain.record import Query
from chalicelib.postgres_ports import Watch

EXAMPLES = Path(__file__).parents[2] / "examples"
HERE = str(Path(sys.executable).parent)
EXPRESSION = re.compile(r"\$\{\{ *(?:vars|secrets|inputs)\.(\w+) *\}\}")
SWALLOWS = ("continue-on-error", "allow_failure", "|| true", "|| :", "set +e", "; true")
PIPELINES = ["github-actions.yml", "gitlab-ci.yml"]


@dataclass
class Pipeline:
    """Hold what a runner would run: the shell of each step, and its variables."""

    steps: list[str]
    variables: dict[str, str]


def job(name: str) -> dict[str, Any]:
    text = (EXAMPLES / name).read_text()
    read: dict[str, Any] = yaml.safe_load(text)
    found: dict[str, Any] = read.get("jobs", read)["migrate"]
    return found


def github(values: dict[str, str]) -> Pipeline:
    migrate = job("github-actions.yml")
    steps = [step["run"] for step in migrate["steps"] if "run" in step]
    named = {name: EXPRESSION.fullmatch(word) for name, word in migrate["env"].items()}
    return Pipeline(steps, {n: values[found[1].upper()] for n, found in named.items() if found})


def gitlab(values: dict[str, str]) -> Pipeline:
    migrate = job("gitlab-ci.yml")
    return Pipeline(migrate["before_script"] + migrate["script"], values)


@pytest.fixture
def values(served: Any, remote_project: str) -> dict[str, str]:
    """What the pipelines' owners configure, and what the runners say by themselves."""
    return {
        "HOLDFAST_URL": served.url,
        "HOLDFAST_API_KEY": served.token,
        "HOLDFAST_PROJECT": remote_project,
        "MIGRATION": "0042",
        "CI_COMMIT_TAG": "0042",
    }


@pytest.fixture
def shell_of(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script in a checkout that has a migrate.sh."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    migrate = checkout / "migrate.sh"
    migrate.write_text('#!/bin/sh\necho "migrated $*" >>ran\n')
    migrate.chmod(0o755)

    def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{HERE}:/usr/bin:/bin", "LANG": "C.UTF-8", **variables}
        return subprocess.run(
            command,
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def ran(tmp_path: Path) -> list[str]:
    file = tmp_path / "checkout" / "ran"
    return file.read_text().splitlines() if file.exists() else []


def breaks(watch: Watch) -> None:
    raise DumpFailed("pg_dump ended with 1")


@pytest.fixture(params=[github, gitlab])
def piped(request: pytest.FixtureRequest, values: dict[str, str], shell_of: Any) -> Any:
    """Run all steps as one job, but for the installation: the checkout's own program stands in."""
    pipeline: Pipeline = request.param(values)
    install, *steps = pipeline.steps
    assert "pip install holdfast" in install
    return lambda: shell_of("bash", "-eo", "pipefail", "-c", "\n".join(steps), **pipeline.variables)


def test_a_pipeline_migrates_behind_a_verified_backup(
    piped: Any, tmp_path: Path, served: Any
) -> None:
    done = piped()

    (backup,) = served.services.adapters.catalog.find(Query(Backup)).items
    assert (done.returncode, ran(tmp_path)) == (0, ["migrated "]), done.stderr
    assert (backup.migration_id, backup.validated) == ("0042", True)


def test_a_pipeline_without_a_verified_backup_fails_and_migrates_nothing(
    piped: Any, tmp_path: Path, served: Any
) -> None:
    served.engine.during = breaks

    done = piped()

    assert (done.returncode, ran(tmp_path)) == (1, [])


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_swallows_no_failure(name: str) -> None:
    text = (EXAMPLES / name).read_text()

    assert [word for word in SWALLOWS if word in text] == []
    assert text.count("migrate.sh") > text.count("# ./migrate.sh")


def test_inputs_of_a_workflow_reach_the_shell_as_variables_only() -> None:
    steps = job("github-actions.yml")["steps"]

    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []


# curl


@pytest.fixture
def curled(shell_of: Any, values: dict[str, str]) -> Callable[..., Any]:
    """Run the script of curl and jq before the migration."""
    if shutil.which("curl") is None or shutil.which("jq") is None:
        pytest.skip("NOT TESTED: curl or jq is not on this machine")
    script = str(EXAMPLES / "gate-over-http.sh")

    def run(**variables: str) -> Any:
        return shell_of(
            "sh", script, "./migrate.sh", "up", **{**values, "PAUSE_S": "0.2"}, **variables
        )

    return run


def test_curl_migrates_behind_a_verified_backup(curled: Any, tmp_path: Path) -> None:
    done = curled()

    assert (done.returncode, ran(tmp_path)) == (0, ["migrated up"]), done.stderr


def test_curl_is_refused_by_a_broken_dump(curled: Any, tmp_path: Path, served: Any) -> None:
    served.engine.during = breaks

    done = curled()

    assert (done.returncode, ran(tmp_path)) == (3, [])
    assert "refused: pg_dump ended with 1. " in done.stderr


def test_curl_gives_up_in_time_and_cancels_the_backup(
    curled: Any, tmp_path: Path, served: Any
) -> None:
    served.hold.set()

    done = curled(TIMEOUT_S="1")

    (backup,) = served.services.adapters.catalog.find(Query(Backup)).items
    assert (done.returncode, ran(tmp_path)) == (1, [])
    assert backup.status == "cancelled"


@pytest.mark.parametrize(
    "changed",
    [
        {"HOLDFAST_URL": "http://127.0.0.1:1"},
        {"HOLDFAST_API_KEY": "hf_wrong"},
        {"HOLDFAST_PROJECT": "01JD0000000000000000000000"},
        {"MIGRATION": ""},
    ],
)
def test_curl_runs_nothing_when_the_service_does_not_answer_as_it_should(
    shell_of: Any, values: dict[str, str], tmp_path: Path, changed: dict[str, str]
) -> None:
    script = str(EXAMPLES / "gate-over-http.sh")

    done = shell_of("sh", script, "./migrate.sh", **{**values, **changed})

    assert done.returncode != 0
    assert ran(tmp_path) == []
    assert values["HOLDFAST_API_KEY"] not in done.stdout + done.stderr
