"""Events of other systems, by the rule of the template, to a backup that is asked for once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from chalicelib.domain.backup import Backup
from chalicelib.services.backups import BackupFilter
from tests.support.functions import Code, new_function
from tests.support.ministack import Ministack, fresh, ministack_of
from tests.support.stack import AWS, Stack, opened
from tests.support.templates import properties
from tests.support.waiting import PATIENCE_S
from tests.support.worker_functions import AS_ROLE, CREDENTIALS, runtime_client_is_here

pytestmark = pytest.mark.skipif(
    not runtime_client_is_here(), reason="NOT TESTED: awslambdaric is missing"
)


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    with opened(AWS, request.config, tmp_path) as made:
        yield made


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Ministack:
    return ministack_of(request.config)


def pattern(stage: str) -> str:
    """Return the pattern of the template's rule, for a stage."""
    wanted = dict(properties("BackupRequested")["EventPattern"])
    wanted["source"] = [one["Fn::Sub"].replace("${Stage}", stage) for one in wanted["source"]]
    return json.dumps(wanted)


def install(server: Ministack, stack: Stack, stage: str) -> None:
    """Make function and rule as the template does."""
    variables = {**stack.services.settings.to_environment(), **stack.credentials}
    renamed = {f"ROLE_{name}" if name in CREDENTIALS else name: v for name, v in variables.items()}
    name = new_function(server, Code("app.event_backup", before=AS_ROLE), renamed)
    functions, rules = server.client("lambda"), server.client("events")
    arn = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    rule = fresh("rule")
    rules.put_rule(Name=rule, EventPattern=pattern(stage))
    rules.put_targets(Rule=rule, Targets=[{"Id": "event-backup", "Arn": arn}])


def send(server: Ministack, source: str, detail: dict[str, object]) -> None:
    entry = {"Source": source, "DetailType": "Backup requested", "Detail": json.dumps(detail)}
    server.client("events").put_events(Entries=[entry])


def backups(stack: Stack, count: int) -> tuple[Backup, ...]:
    """Wait until there are so many backups."""
    deadline = time.monotonic() + PATIENCE_S
    pause = Event()
    while True:
        found = stack.services.backups.find(BackupFilter(), limit=100, before_id=None).items
        if len(found) >= count:
            return tuple(found)
        assert time.monotonic() < deadline, f"{len(found)} backups after {PATIENCE_S} s"
        pause.wait(0.1)


def test_an_event_of_the_stage_asks_for_a_backup(server: Ministack, stack: Stack) -> None:
    stage = fresh("s").replace("-", "")
    first = stack.request()
    install(server, stack, stage)

    send(server, f"holdfast.{stage}x", {"project_id": first.project_id, "tags": {"batch": "0"}})
    send(server, f"holdfast.{stage}", {"project_id": first.project_id, "tags": {"batch": "7"}})

    newest, other = backups(stack, 2)
    assert (newest.project_id, newest.tags, other.id) == (
        first.project_id,
        {"batch": "7"},
        first.id,
    )
