"""State machines as they lie in the repository: their definitions, and the ways through them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
GATE: Final = ROOT / "infra" / "statemachines" / "pre-migration.asl.json"
MIGRATION: Final = ROOT / "infra" / "examples" / "migration.asl.json"
OF_CHANNELS: Final = frozenset({"ChannelFailed"})
"""Names of errors that only rounds of notices meet, which no machine waits for."""

Machine = dict[str, Any]


def machine(path: Path, **substitutions: str) -> Machine:
    """Return a definition with its `${names}` filled in."""
    text = path.read_text()
    for name, value in substitutions.items():
        text = text.replace(f"${{{name}}}", value)
    found: Machine = json.loads(text)
    return found


def exits(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give every way out of a state, as how it is taken and where it leads."""
    if "Next" in state:
        yield "success", state["Next"]
    for choice in state.get("Choices", ()):
        yield "choice", choice["Next"]
    if "Default" in state:
        yield "default", state["Default"]
    for catch in state.get("Catch", ()):
        yield "catch", catch["Next"]


def reached(definition: Machine, closed: tuple[str, str] | None = None) -> set[str]:
    """Return the states that a walk from the start reaches; one exit may be closed."""
    seen: set[str] = set()
    waiting = [definition["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        ways = exits(definition["States"][name])
        waiting += [there for how, there in ways if (name, how) != closed]
    return seen
