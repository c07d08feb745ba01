"""What the gate says before it begins: how long, how much, and who stands in the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.cli.progress_view import duration, size


def preflight_lines(estimate: Mapping[str, Any]) -> list[str]:
    """Return an estimate as lines for people."""
    lines = [_size(estimate)]
    lines += [_lock(lock) for lock in estimate.get("locks", ())]
    lines += [
        f"preflight: {_session(one)} has a transaction open"
        for one in estimate.get("transactions", ())
    ]
    return lines if lines[1:] else [*lines, "preflight: nobody holds a lock that a dump waits for"]


def _size(estimate: Mapping[str, Any]) -> str:
    expected = estimate.get("expected")
    taken = f"{estimate['tables']} tables of {size(estimate['table_bytes'])}"
    if not expected:
        return f"preflight: {taken}"
    return f"preflight: {taken}, about {duration(expected['seconds'])} ({expected['basis']})"


def _lock(lock: Mapping[str, Any]) -> str:
    verb = "holds" if lock["granted"] else "waits for"
    return (
        f"preflight: {_session(lock)} {verb} an exclusive lock on {lock['relation']},"
        " which the dump will wait for"
    )


def _session(one: Mapping[str, Any]) -> str:
    who = "a prepared transaction" if one["pid"] is None else f"pid {one['pid']}"
    known = [one["user"], one["state"] if one["pid"] else None]
    known += [f"for {duration(one['age_s'])}"] if one["age_s"] is not None else []
    told = ", ".join(word for word in known if word)
    return f"{who} ({told})" if told else who
