"""The gate's state machines, run for real around a migration that writes down every run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from chalicelib.domain.backup import Backup
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import SourceLost
from chalicelib.domain.proof import Outcome
from chalicelib.domain.record import Query, Remove
from chalicelib.postgres_ports import Watch
from chalicelib.services.projects import NewProject
from tests.support.functions import Code, new_function
from tests.support.machines import GATE, MIGRATION, Machine, machine
from tests.support.ministack import ROLE, Ministack, fresh, ministack_of
from tests.support.stack import Stack
from tests.support.waiting import await_that
from tests.support.world import ScriptedEngine

pytestmark = pytest.mark.slow

RECORDING: Final = """
import json, os

def handler(event, context):
    with open(os.environ["RECORD"], "a") as file:
        file.write(json.dumps(event) + "\\n")
    return {}
"""


@dataclass
class Doors:
    """Hold the two machines, what they run over, and what the migration wrote."""

    server: Ministack
    stack: Stack
    record: Path
    names: dict[str, str]
    project_id: str
    engine: ScriptedEngine = field(default_factory=ScriptedEngine)

    def start(self, **options: Any) -> str:
        """Start the migration; `options` are what it tells the gate besides its own."""
        gate = self.made(machine(GATE, **self.names))
        migration = machine(MIGRATION, **self.names, GateStateMachineArn=gate)
        migration["States"]["Gate"]["Parameters"]["Input"]["options"] |= options
        return self.run(self.made(migration), {"project": self.project_id, "migration": "0042"})

    def made(self, definition: Machine) -> str:
        made = self.states.create_state_machine(
            name=fresh("machine"), definition=json.dumps(definition), roleArn=ROLE
        )
        return str(made["stateMachineArn"])

    def run(self, arn: str, values: dict[str, Any]) -> str:
        started = self.states.start_execution(stateMachineArn=arn, input=json.dumps(values))
        return str(started["executionArn"])

    @property
    def states(self) -> Any:
        return self.server.client("stepfunctions")

    def backups(self) -> tuple[Backup, ...]:
        asked = Query(Backup, index=("project_id", self.project_id))
        return self.stack.services.adapters.catalog.find(asked).items

    def requested(self) -> Backup:
        """Return the backup that the gate asks for, once it has."""
        await_that(lambda: bool(self.backups()))
        return self.backups()[0]

    def work(self) -> None:
        """Be the worker of the backup that the gate asked for."""
        runner = self.stack.with_engine(self.engine).backup_runner("worker-1")
        runner.run(self.requested().id)

    def ended(self, execution: str) -> dict[str, Any]:
        def look() -> dict[str, Any]:
            found: dict[str, Any] = self.states.describe_execution(executionArn=execution)
            return found

        await_that(lambda: look()["status"] != "RUNNING")
        return look()

    @property
    def migrations(self) -> list[dict[str, Any]]:
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [json.loads(line) for line in lines]


@pytest.fixture
def doors(aws: Stack, request: pytest.FixtureRequest, tmp_path: Path) -> Doors:
    server = ministack_of(request.config)
    ours = {**aws.environment, **aws.credentials}
    record = tmp_path / "migrations.jsonl"
    names = {
        "GateFunction": new_function(server, Code("app.gate"), ours),
        "GateStatusFunction": new_function(server, Code("app.gate_status"), ours),
        "MigrationFunction": new_function(
            server,
            Code("recording.handler", {"recording.py": RECORDING}),
            {"RECORD": str(record)},
        ),
    }
    source = Connection(Endpoint(host="db.example.org", database="app"), "s3cret-of-app")
    project = aws.services.projects.create("test", NewProject("shop", source, {}))
    return Doors(server, aws, record, names, project.id)


def breaks(watch: Watch) -> None:
    watch.check()
    raise SourceLost("the connection broke")


def test_a_verified_backup_lets_the_migration_run_once(doors: Doors) -> None:
    execution = doors.start()
    doors.work()

    ended = doors.ended(execution)

    assert ended["status"] == "SUCCEEDED", ended
    (backup,) = doors.backups()
    assert doors.migrations == [{"migration": "0042", "backup_id": backup.id}]


def test_the_gate_alone_answers_with_the_verified_backup(doors: Doors) -> None:
    gate = doors.made(machine(GATE, **doors.names))
    execution = doors.run(gate, {"project": doors.project_id})
    doors.work()

    ended = doors.ended(execution)

    output = json.loads(ended["output"])
    assert (ended["status"], output["backup_id"]) == ("SUCCEEDED", doors.backups()[0].id)
    assert output["verification"]["level"] == "archive"


def broken_dump(doors: Doors) -> None:
    doors.engine.during = breaks
    doors.work()


def unproven(doors: Doors) -> None:
    doors.engine.outcome = Outcome.UNPROVEN
    doors.work()


def different(doors: Doors) -> None:
    doors.engine.outcome = Outcome.DIFFERENT
    doors.work()


def cancelled(doors: Doors) -> None:
    doors.stack.services.backups.cancel("somebody", doors.requested().id)


def gone(doors: Doors) -> None:
    # in one step: between a cancellation and a deletion the gate may look, and say cancelled
    doors.stack.services.adapters.catalog.commit([Remove(doors.requested())])


def nobody_works(doors: Doors) -> None:
    assert doors.requested()


@pytest.mark.parametrize(
    ("happens", "options", "error", "code"),
    [
        (broken_dump, {}, "SourceLost", "source_lost"),
        (unproven, {"verification": "proof"}, "NotVerified", "not_verified"),
        (different, {"verification": "proof"}, "IntegrityFailed", "integrity_failed"),
        (cancelled, {}, "Cancelled", "cancelled"),
        (gone, {}, "NotFound", "not_found"),
        (nobody_works, {"timeout_s": 1}, "DeadlineExceeded", "deadline_exceeded"),
    ],
)
def test_without_a_verified_backup_the_migration_never_runs(
    doors: Doors,
    happens: Callable[[Doors], None],
    options: dict[str, Any],
    error: str,
    code: str,
) -> None:
    execution = doors.start(**options)
    happens(doors)

    ended = doors.ended(execution)

    assert (ended["status"], ended["error"]) == ("FAILED", error), ended
    assert f"{code}: " in ended["cause"]
    assert doors.migrations == []


@pytest.mark.parametrize(
    ("options", "error"),
    [({"force": True}, "InvalidRequest"), ({"type": "incremental"}, "Unsupported")],
)
def test_options_that_cannot_be_refuse_the_migration(
    doors: Doors, options: dict[str, Any], error: str
) -> None:
    ended = doors.ended(doors.start(**options))

    assert (ended["status"], ended["error"]) == ("FAILED", error), ended
    assert (doors.backups(), doors.migrations) == ((), [])


def test_an_unknown_project_refuses_the_migration(doors: Doors) -> None:
    doors.project_id = "01JD0000000000000000000000"

    ended = doors.ended(doors.start())

    assert ended["error"] == "NotFound"
    assert doors.migrations == []


def test_a_gate_whose_function_is_gone_refuses_the_migration(doors: Doors) -> None:
    doors.server.client("lambda").delete_function(FunctionName=doors.names["GateStatusFunction"])
    execution = doors.start()
    doors.work()

    ended = doors.ended(execution)

    assert (ended["status"], ended["error"]) == ("FAILED", "Internal"), ended
    assert doors.migrations == []


def test_a_gate_whose_function_breaks_refuses_the_migration(doors: Doors) -> None:
    broken = Code("broken.handler", {"broken.py": "raise RuntimeError('canary-31')\n"})
    doors.names["GateFunction"] = new_function(doors.server, broken, {})

    ended = doors.ended(doors.start())

    assert (ended["status"], ended["error"]) == ("FAILED", "Internal"), ended
    assert doors.migrations == []


def test_an_answer_that_is_no_verdict_refuses_the_migration(doors: Doors) -> None:
    odd = Code(
        "odd.handler", {"odd.py": "def handler(event, context): return {'verdict': 'yes'}\n"}
    )
    doors.names["GateFunction"] = new_function(doors.server, odd, {})

    ended = doors.ended(doors.start())

    assert (ended["status"], ended["error"]) == ("FAILED", "Internal"), ended
    assert doors.migrations == []


def test_no_secret_of_the_source_is_in_the_history(doors: Doors) -> None:
    execution = doors.start()
    doors.work()
    doors.ended(execution)

    history = doors.states.get_execution_history(executionArn=execution, includeExecutionData=True)

    assert history["events"]
    assert "s3cret-of-app" not in json.dumps(history, default=str)
