from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_xray_sdk import core

from chalicelib.observability import configure, log, measure, span

RECORDER: Any = core.xray_recorder  # the SDK has no types
ON_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "holdfast-dev"}
ON_FARGATE = {"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/x"}


class Collector:
    """Keep what the recorder would send."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send_entity(self, entity: Any) -> None:
        self.sent.append(entity)


@pytest.fixture
def collector() -> Iterator[Collector]:
    before = RECORDER.emitter
    made = Collector()
    RECORDER.configure(emitter=made, sampling=False)
    yield made
    RECORDER.emitter = before
    configure({})


def test_the_log_is_json_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log().info("hello", extra={"backup": "b1"})

    captured = capsys.readouterr()
    line = json.loads(captured.err)
    assert (line["service"], line["message"], line["backup"]) == ("holdfast", "hello", "b1")
    assert captured.out == ""


def test_there_is_one_log() -> None:
    assert log() is log()


def test_a_span_is_a_subsegment_where_lambda_traces(collector: Collector) -> None:
    configure(ON_LAMBDA)
    RECORDER.begin_segment("test")

    with span("request"):
        pass

    RECORDER.end_segment()
    assert [s.name for s in collector.sent[0].subsegments] == ["request"]


def test_a_span_keeps_no_error(collector: Collector) -> None:
    configure(ON_LAMBDA)
    RECORDER.begin_segment("test")

    with pytest.raises(ValueError, match="hunter2"), span("request"):
        raise ValueError("postgresql://u:hunter2@h")

    RECORDER.end_segment()
    assert "hunter2" not in collector.sent[0].serialize()


@pytest.mark.parametrize(
    "environment", [{}, ON_FARGATE, ON_LAMBDA | {"POWERTOOLS_TRACE_DISABLED": "true"}]
)
def test_elsewhere_a_span_does_nothing(collector: Collector, environment: dict[str, str]) -> None:
    configure(environment)
    RECORDER.begin_segment("test")

    with span("request"):
        pass

    RECORDER.end_segment()
    assert collector.sent[0].subsegments == []


@pytest.fixture
def measuring() -> Iterator[None]:
    configure(ON_LAMBDA)
    yield
    configure({})


@pytest.mark.usefixtures("measuring")
def test_figures_are_a_line_that_cloudwatch_reads(capsys: pytest.CaptureFixture[str]) -> None:
    measure({"BackupStoredBytes": 3e9, "BackupsCompletedCount": 1}, {"trigger": "manual"})

    line = json.loads(capsys.readouterr().out)
    (declared,) = line["_aws"]["CloudWatchMetrics"]
    units = {metric["Name"]: metric["Unit"] for metric in declared["Metrics"]}
    assert (declared["Namespace"], line["trigger"]) == ("Holdfast", "manual")
    assert units == {"BackupStoredBytes": "Bytes", "BackupsCompletedCount": "Count"}
    assert line["BackupStoredBytes"] == [3e9]


@pytest.mark.parametrize("environment", [ON_LAMBDA, ON_FARGATE])
def test_functions_and_tasks_measure_for_their_own_installation(
    capsys: pytest.CaptureFixture[str], environment: dict[str, str]
) -> None:
    configure(environment | {"POWERTOOLS_SERVICE_NAME": "holdfast-prod"})
    try:
        measure({"BackupsFailedCount": 1}, {})
    finally:
        configure({})

    assert json.loads(capsys.readouterr().out)["service"] == "holdfast-prod"


@pytest.mark.parametrize("environment", [{}, ON_LAMBDA | {"POWERTOOLS_METRICS_DISABLED": "true"}])
def test_elsewhere_nothing_is_measured(
    capsys: pytest.CaptureFixture[str], environment: dict[str, str]
) -> None:
    configure(environment)
    try:
        measure({"BackupsCompletedCount": 1}, {})
    finally:
        configure({})

    assert capsys.readouterr().out == ""
