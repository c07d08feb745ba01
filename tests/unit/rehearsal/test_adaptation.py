"""Promises of what a rehearsal changes in the template: the named parts, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.adapters.aws.clients import Credentials
from infra.template import FUNCTION, finished, loaded
from tests.rehearsal.adaptation import RUNTIME, Places, adapted
from tests.rehearsal.roles import Double
from tests.support.servers import ROOT

MADE_BY_CHALICE = ("APIHandler", "LinkSigner", "Gate", "Sweeper")
FUNCTIONS = (*MADE_BY_CHALICE, "Worker")
DOUBLES = {name: Double(name, Credentials(f"AKIDOF{name}", "made-up")) for name in FUNCTIONS}
PLACES = Places("http://aws", "http://s3", "packages", "worker.zip", "/scratch", DOUBLES)


def packaged() -> dict[str, Any]:
    """Return our template with functions as Chalice makes them beside it."""
    template = finished(loaded(ROOT / "infra" / "resources.yaml"), ROOT / "infra")
    function = {
        "Type": FUNCTION,
        "Properties": {"Runtime": "python3.13", "Architectures": ["arm64"], "Timeout": 29},
    }
    template["Resources"] |= {name: json.loads(json.dumps(function)) for name in MADE_BY_CHALICE}
    return template


def adds_up(resource: dict[str, Any]) -> bool:
    return "Metrics" in resource.get("Properties", {})


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            yield from differences(one.get(name), other.get(name), f"{place}/{name}")
    elif one != other:
        yield place


def test_only_functions_and_settings_differ() -> None:
    before = packaged()
    alarms = [name for name, resource in before["Resources"].items() if adds_up(resource)]
    for name in alarms:
        del before["Resources"][name]

    changed = set(differences(before, adapted(before, PLACES)))

    allowed = ("/Globals/Function/Environment/Variables/", "/Resources/Worker/Properties/")
    functions = tuple(f"/Resources/{name}/Properties/" for name in MADE_BY_CHALICE)
    assert [place for place in changed if not place.startswith((*allowed, *functions))] == []
    assert "/Resources/Gate/Properties/Timeout" not in changed


def test_the_given_template_stays_as_it_is() -> None:
    template = packaged()

    adapted(template, PLACES)

    assert template == packaged()


def test_state_machines_are_those_that_are_deployed() -> None:
    before = packaged()

    after = adapted(before, PLACES)

    machines = [name for name in before["Resources"] if name.endswith("Machine")]
    assert len(machines) == 4
    assert all(after["Resources"][name] == before["Resources"][name] for name in machines)


def test_every_function_runs_under_amazons_runtime_client() -> None:
    resources = adapted(packaged(), PLACES)["Resources"]

    assert {resources[name]["Properties"]["Runtime"] for name in FUNCTIONS} == {RUNTIME}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_signs_as_the_double_of_its_own_role(name: str) -> None:
    function = adapted(packaged(), PLACES)["Resources"][name]["Properties"]

    variables = function["Environment"]["Variables"]
    assert variables["ROLE_AWS_ACCESS_KEY_ID"] == f"AKIDOF{name}"
