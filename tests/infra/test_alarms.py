"""Alarms and the dashboard watch the figures that the code sends; events come in by one rule."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.backup import BackupOptions, Trigger
from chalicelib.domain.errors import WorkerLost
from chalicelib.events.event_backup import Detail
from chalicelib.observability import NAMESPACE
from chalicelib.services.backups import NewBackup
from chalicelib.services.figures import Figures
from tests.support.scheduling import build_diary
from tests.support.servers import ROOT
from tests.support.templates import of_type, properties, settings


def watched(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics that an alarm looks at."""
    if "Metrics" not in alarm:
        return [alarm]
    return [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]


def ours() -> dict[str, list[dict[str, Any]]]:
    """Return what the alarms on our own figures look at."""
    alarms = {name: watched(one) for name, one in of_type("AWS::CloudWatch::Alarm").items()}
    return {name: found for name, found in alarms.items() if found[0]["Namespace"] == NAMESPACE}


def dimensions(metric: dict[str, Any]) -> dict[str, Any]:
    return {one["Name"]: one["Value"] for one in metric["Dimensions"]}


@pytest.fixture
def sent(tmp_path: Path) -> dict[str, set[str]]:
    """Have every figure sent, by the code itself; by name, what it is grouped by."""
    seen: list[Figures] = []
    diary = build_diary(tmp_path)
    services = diary.services
    services.ledger = replace(services.ledger, measure=seen.append)
    diary.schedule()
    diary.wait(hours=3)
    diary.start_due()
    scheduled, project = diary.backups()[0], diary.project()
    services.backup_runner("worker-1").run(scheduled.id)
    cancelled, failed = (
        services.backups.request("key:1", NewBackup(project.id, BackupOptions())) for _ in range(2)
    )
    services.backups.cancel("key:1", cancelled.id)
    services.backup_runner("worker-1").fail(failed.id, WorkerLost("the worker went away"))
    services.sweeper.sweep()
    return {name: set(one.dimensions) for one in seen for name in one.values}


def test_every_alarm_on_figures_of_ours_watches_one_that_is_sent(
    sent: dict[str, set[str]],
) -> None:
    for name, metrics in ours().items():
        for metric in metrics:
            assert metric["MetricName"] in sent, name
            assert set(dimensions(metric)) == {"service"} | sent[metric["MetricName"]], name


def test_an_alarm_watches_its_own_installation_only() -> None:
    whose = {json.dumps(dimensions(one)["service"]) for found in ours().values() for one in found}

    assert whose == {json.dumps(settings()["POWERTOOLS_SERVICE_NAME"])}
    assert whose == {'{"Fn::Sub": "holdfast-${Stage}"}'}


def test_failed_backups_of_every_trigger_are_watched() -> None:
    triggers = [dimensions(metric)["trigger"] for metric in ours()["BackupsFailed"]]

    assert triggers == list(Trigger)


@pytest.mark.parametrize(
    ("name", "metric", "missing"),
    [
        ("SweeperSilent", "SweeperRanCount", "breaching"),
        ("NoRecentSuccess", "OldestSuccessAgeSeconds", "missing"),
        ("RunsWaiting", "QueueAgeSeconds", "missing"),
        ("RunsMissed", "RunsMissedCount", "notBreaching"),
        ("SweeperProblems", "SweeperProblemsCount", "notBreaching"),
        ("NoticesStuck", "NoticesWaitingCount", "notBreaching"),
    ],
)
def test_what_goes_wrong_unseen_raises_an_alarm(name: str, metric: str, missing: str) -> None:
    (found,) = ours()[name]

    assert (found["MetricName"], properties(name)["TreatMissingData"]) == (metric, missing)


def test_the_dashboard_shows_every_figure_that_is_sent(sent: dict[str, set[str]]) -> None:
    body = properties("Dashboard")["DashboardBody"]["Fn::Sub"]

    shown = json.dumps(json.loads(body)["widgets"])
    assert [name for name in sent if name not in shown] == []


# -- events ----------------------------------------------------------------------------------------


def test_a_rule_hands_events_of_its_own_stage_to_the_function() -> None:
    rule = properties("BackupRequested")

    assert rule["EventPattern"] == {
        "source": [{"Fn::Sub": "holdfast.${Stage}"}],
        "detail-type": ["Backup requested"],
    }
    (target,) = rule["Targets"]
    assert target["Arn"]["Fn::Sub"].endswith(":function:holdfast-${Stage}-event_backup")


def test_an_event_that_cannot_be_had_is_kept_and_told() -> None:
    queue = {"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]}
    (target,) = properties("BackupRequested")["Targets"]

    refused = properties("BackupRequestedInvocation")["DestinationConfig"]
    assert target["DeadLetterConfig"]["Arn"] == queue
    assert refused == {"OnFailure": {"Destination": queue}}


def test_the_rule_alone_may_call_the_function() -> None:
    permission = properties("BackupRequestedPermission")

    assert permission["SourceArn"] == {"Fn::GetAtt": ["BackupRequested", "Arn"]}


def test_the_event_that_the_runbook_shows_is_one_the_rule_and_the_function_take() -> None:
    runbook = (ROOT / "infra" / "README.md").read_text()
    (entries,) = re.findall(r"put-events --entries '(.*?)'", runbook, flags=re.DOTALL)
    pattern = properties("BackupRequested")["EventPattern"]

    (entry,) = json.loads(entries)

    assert [entry["Source"]] == [pattern["source"][0]["Fn::Sub"].replace("${Stage}", "dev")]
    assert [entry["DetailType"]] == pattern["detail-type"]
    assert Detail.model_validate_json(entry["Detail"].replace("01…", "0" * 26)).tags == {
        "batch": "7"
    }


def test_the_runbook_tells_every_alarm() -> None:
    runbook = (ROOT / "infra" / "README.md").read_text()

    assert [
        name for name in of_type("AWS::CloudWatch::Alarm") if f"| `{name}` |" not in runbook
    ] == []
