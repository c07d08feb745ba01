"""The template of an installation as it lies in the repository, before Chalice adds the API."""

from __future__ import annotations

from typing import Any, Final

from infra.template import loaded
from tests.support.servers import ROOT

INFRA: Final = ROOT / "infra"


def template() -> dict[str, Any]:
    return loaded(INFRA / "resources.yaml")


def properties(name: str, source: str = "resources") -> dict[str, Any]:
    found: dict[str, Any] = loaded(INFRA / f"{source}.yaml")["Resources"][name]["Properties"]
    return found


def settings() -> dict[str, Any]:
    found: dict[str, Any] = template()["Globals"]["Function"]["Environment"]["Variables"]
    return found


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    resources = template()["Resources"].items()
    return {name: one["Properties"] for name, one in resources if one.get("Type") == kind}
