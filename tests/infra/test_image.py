"""Promises of the worker's image that hold without building it, and of how it is built."""

from __future__ import annotations

import argparse
import json
import re
import runpy
from pathlib import Path
from typing import Any, Final

import pytest

from chalicelib.engine.clients import Client
from chalicelib.engine.server_programs import ServerPrograms
from chalicelib.engine.versions import FLOOR, parse
from chalicelib.worker import function
from infra.image import BUILDERS, NotHere, build_command, chosen, download_command, push_commands
from tests.support.servers import ROOT

FOLDER: Final = ROOT / "layers" / "pgclient"
GATE: Final = runpy.run_path(str(FOLDER / "gate.py"))


def instructions() -> list[tuple[str, str]]:
    """Read the Dockerfile: an instruction and its arguments, continued lines joined."""
    text = (FOLDER / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split()[0], line.split(None, 1)[1]) for line in joined.splitlines()]


def of(name: str) -> list[str]:
    return [arguments for instruction, arguments in instructions() if instruction == name]


# -- the Dockerfile ------------------------------------------------------------------------------


def test_the_last_stage_is_the_worker() -> None:
    stages = [stage.rpartition(" AS ")[2] for stage in of("FROM")]

    assert stages == ["pgclient", "layer", "python", "worker"]


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert of("USER") == ["10001:10001"]


def test_the_image_runs_the_handler_through_amazons_runtime_client() -> None:
    module, _, name = json.loads(of("CMD")[0])[0].rpartition(".")

    assert json.loads(of("ENTRYPOINT")[0])[1:] == ["-m", "awslambdaric"]
    assert (module, name) == (function.__name__, function.handler.__name__)


def test_wheels_are_installed_by_their_hashes_and_from_nowhere_else() -> None:
    (install,) = [line for line in of("RUN") if "pip install" in line]

    assert {"--require-hashes", "--no-index"} <= set(install.split())


def test_the_gate_is_the_last_thing_before_the_image_is_done() -> None:
    assert "gate.py" in of("RUN")[-1]


def test_every_list_of_packages_goes_with_its_installation() -> None:
    installing = [line for line in of("RUN") if "apt-get install" in line]

    assert "rm -rf /var/lib/apt/lists/*" in installing[-1]
    assert all("--no-install-recommends" in line for line in installing)


def test_nothing_secret_is_given_to_the_build() -> None:
    named = " ".join([*of("ARG"), *of("ENV")]).lower()

    assert not re.search(r"password|secret|token|api_key", named)


def test_what_is_copied_is_let_through_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = tuple(line[1:] for line in ignored if line.startswith("!"))

    lines = [line.split()[:-1] for line in of("COPY") if not line.startswith("--from")]
    copied = [[word for word in line if not word.startswith("--")] for line in lines]
    assert ignored[0] == "*"
    assert all(source.startswith(allowed) for sources in copied for source in sources)


@pytest.mark.parametrize("name", ["apt-sources", "collect", "layer"])
def test_a_script_of_the_build_stops_at_its_first_failure(name: str) -> None:
    script = FOLDER / name

    assert "set -eu\n" in script.read_text()
    assert script.stat().st_mode & 0o111


# -- the gate ------------------------------------------------------------------------------------


def client(version: str, **traits: bool) -> Client:
    given: dict[str, Any] = {"has_tls": True, "has_zstd": True, **traits}
    return Client(bin_dir=Path("/usr/lib/postgresql/x/bin"), version=parse(version), **given)


def good_version() -> str:
    return f"17.{FLOOR[17]}"


@pytest.mark.parametrize(
    ("clients", "problem"),
    [
        ([], "no PostgreSQL clients"),
        ([client(f"17.{FLOOR[17] - 1}")], "known holes"),
        ([client(good_version(), has_tls=False)], "no TLS"),
        ([client(good_version(), has_zstd=False)], "no zstd"),
    ],
)
def test_the_gate_names_what_is_wrong(clients: list[Client], problem: str) -> None:
    (said,) = GATE["client_problems"](clients)

    assert problem in said


def test_the_gate_lets_good_clients_pass() -> None:
    assert GATE["client_problems"]([client(good_version())]) == []


def test_the_gate_wants_a_server_for_every_client() -> None:
    server = ServerPrograms("17.12", Path("/usr/lib/postgresql/17/bin"))
    clients = [client(good_version()), client("18.99")]

    (said,) = GATE["server_problems"](clients, [server])

    assert "major 18" in said


def test_the_gate_names_a_module_that_does_not_load() -> None:
    (said,) = GATE["import_problems"](["json", "no_module_of_that_name"])

    assert "no_module_of_that_name" in said


def test_the_bill_of_materials_names_both_kinds_of_packages() -> None:
    bill = GATE["bill_of_materials"]("libpq5 17.12-1\n", [("boto3", "1.44.5")])

    purls = [one["purl"] for one in bill["components"]]
    assert purls == ["pkg:deb/debian/libpq5@17.12-1", "pkg:pypi/boto3@1.44.5"]


# -- how it is built -------------------------------------------------------------------------------


def asked(**changed: object) -> argparse.Namespace:
    values: dict[str, object] = {
        "pg_majors": "17",
        "tag": "t",
        "target": "worker",
        "offline": False,
        "push": None,
        "architecture": "x86_64",
    }
    return argparse.Namespace(**{**values, **changed})


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_first_builder_that_works_is_taken(builder: str) -> None:
    assert chosen(lambda name: name == builder) == builder


def test_without_a_builder_there_is_no_image() -> None:
    with pytest.raises(NotHere, match="docker, podman or buildah"):
        chosen(lambda _: False)


@pytest.mark.parametrize("builder", BUILDERS)
def test_every_builder_is_told_the_same(builder: str) -> None:
    command = build_command(builder, asked(pg_majors="17 18"))

    assert command[0] == builder
    assert command[command.index("--build-arg") + 1] == "PG_MAJORS=17 18"
    assert command[command.index("--target") + 1] == "worker"


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", "amd64"), ("arm64", "arm64")])
def test_an_image_is_built_for_the_architecture_that_is_asked_for(
    architecture: str, machine: str
) -> None:
    command = build_command("buildah", asked(architecture=architecture))

    assert command[command.index("--platform") + 1] == f"linux/{machine}"


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", "x86_64"), ("arm64", "aarch64")])
def test_wheels_are_fetched_for_lambdas_python_by_their_hashes(
    architecture: str, machine: str
) -> None:
    command = download_command("python", architecture)

    assert "--require-hashes" in command
    assert f"manylinux2014_{machine}" in command
    assert command[command.index("--python-version") + 1] == "3.13"


@pytest.mark.parametrize("builder", BUILDERS)
def test_an_image_is_pushed_under_its_commit(builder: str) -> None:
    commands = push_commands(builder, "t", "1.dkr.ecr.x.amazonaws.com/w", Path("/d"))

    assert re.search(r"amazonaws\.com/w:[0-9a-f]{12}", commands[-1][-1])
