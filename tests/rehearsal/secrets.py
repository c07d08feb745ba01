"""Cases: what all others left behind, searched for what must not be there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from chalicelib.domain.connection import Connection
from tests.rehearsal.asking import backed_up, downloaded_sha256, history
from tests.rehearsal.installation import Installation

Place = Callable[[Installation], Iterator[str]]
MUCH_BYTES = 1000
"""Less would be nothing: then the search looked in the wrong place."""
MACHINES = ("backup", "restore", "job", "pre-migration")


def logs(installation: Installation) -> Iterator[str]:
    """Yield what the functions wrote."""
    client = installation.client("logs")
    for group in client.describe_log_groups()["logGroups"]:
        pages = client.get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=group["logGroupName"]):
            yield from (event["message"] for event in page["events"])


def histories(installation: Installation) -> Iterator[str]:
    """Yield what the state machines keep of every execution."""
    states = installation.client("stepfunctions")
    for machine in MACHINES:
        found = states.list_executions(stateMachineArn=installation.machine(machine))
        yield from (history(installation, one["executionArn"]) for one in found["executions"])


@pytest.fixture(scope="module")
def used(installation: Installation, project: str) -> None:
    """See to it that there is something to search, also where no other case was run."""
    done = backed_up(installation, project)
    assert downloaded_sha256(installation, done["id"]) == done["checksum"]["value"]


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("place", [logs, histories])
def test_no_password_key_or_signed_url_is_kept(
    installation: Installation, source: Connection, place: Place
) -> None:
    found = "".join(place(installation))

    key = installation.api.headers["Authorization"].removeprefix("Bearer ")
    assert len(found) > MUCH_BYTES
    assert [word for word in (source.password, key, "X-Amz-Signature") if word in found] == []
