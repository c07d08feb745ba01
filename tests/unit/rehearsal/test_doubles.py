"""Promises of who stands for a role: it may with objects what the role's policies allow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.adapters.aws.clients import Credentials
from infra.template import FUNCTION, loaded
from tests.rehearsal.roles import LOOKING, Double, on_objects, rights_of, roles_of
from tests.support.servers import ROOT

NAMES = ("LinkSigner", LOOKING)
DOUBLES = {name: Double(name, Credentials(f"AKIDOF{name}", "made-up")) for name in NAMES}


def role(function: str) -> dict[str, Any]:
    """Return the role that Chalice makes of a function's policy."""
    text = (ROOT / ".chalice" / f"policy-{function}.json").read_text()
    return {"Properties": {"Policies": [{"PolicyDocument": json.loads(text)}]}}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("api_handler", ("List", "Write")),
        ("link_signer", ("Read",)),
        ("sweeper", ("List", "Read", "Write")),
        ("gate", ()),
        ("scheduled_backup", ()),
    ],
)
def test_a_double_may_with_objects_what_the_policy_allows(
    function: str, words: tuple[str, ...]
) -> None:
    assert on_objects(role(function)) == words


def test_what_a_condition_leaves_out_of_the_workers_policy_gives_nothing() -> None:
    worker = loaded(ROOT / "infra" / "resources.yaml")["Resources"]["WorkerRole"]

    assert on_objects(worker) == ("List", "Read", "Write")


def test_rights_are_those_of_one_bucket() -> None:
    function = {"Type": FUNCTION, "Properties": {"Role": {"Fn::GetAtt": ["R", "Arn"]}}}
    template = {"Resources": {"LinkSigner": function, "R": role("link_signer")}}

    rights = rights_of(template, DOUBLES)

    assert rights[DOUBLES["LinkSigner"].keys] == ("Read:holdfast",)
    assert rights[DOUBLES[LOOKING].keys] == ("List:holdfast", "Read:holdfast")


@pytest.mark.parametrize("named", [["R", "Arn"], "R.Arn"])
def test_the_role_of_a_function_is_found_however_it_is_named(named: object) -> None:
    function = {"Type": FUNCTION, "Properties": {"Role": {"Fn::GetAtt": named}}}

    assert roles_of({"Resources": {"Gate": function, "R": role("gate")}}) == {"Gate": "R"}
