"""Promises of errors on their way through a state machine."""

from __future__ import annotations

import json

import pytest

from chalicelib.domain.errors import (
    DeadlineExceeded,
    HoldfastError,
    Internal,
    SourceUnreachable,
    WorkerLost,
    all_errors,
)
from chalicelib.worker.function import handler
from chalicelib.worker.reported import heard, told


def caught(error: Exception) -> dict[str, object]:
    """Return what a machine makes of what a function raised."""
    raised = told(error)
    cause = {"errorMessage": str(raised), "errorType": type(raised).__name__, "stackTrace": []}
    return {"Error": type(raised).__name__, "Cause": json.dumps(cause)}


@pytest.mark.parametrize("kind", all_errors())
def test_class_sentence_and_hint_arrive_as_they_left(kind: type[HoldfastError]) -> None:
    arrived = heard(caught(kind("it broke", hint="Mend it.")))

    assert type(arrived) is kind
    assert arrived.info == kind("it broke", hint="Mend it.").info


def test_the_words_of_a_foreign_error_stay_behind() -> None:
    foreign = ValueError("postgresql://user:canary-4f2a@host/db")

    passed = caught(foreign)

    assert "canary" not in json.dumps(passed)
    assert type(heard(passed)) is Internal


@pytest.mark.parametrize("name", ["States.Timeout", "Sandbox.Timedout", "States.HeartbeatTimeout"])
def test_a_timeout_is_an_exceeded_deadline(name: str) -> None:
    assert type(heard({"Error": name, "Cause": "{}"})) is DeadlineExceeded


@pytest.mark.parametrize(
    "name", ["States.TaskFailed", "Runtime.ExitError", "Lambda.Unknown", "", "NoNameOfOurs"]
)
def test_anything_else_is_a_lost_worker(name: str) -> None:
    assert type(heard({"Error": name})) is WorkerLost


@pytest.mark.parametrize("cause", ["", "not JSON", "[]", "{}", '{"errorMessage": "plain"}'])
def test_a_class_whose_words_were_lost_keeps_its_code(cause: str) -> None:
    assert heard({"Error": "SourceUnreachable", "Cause": cause}).code == SourceUnreachable.code


class Context:
    """What Lambda gives a call."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def test_the_function_refuses_an_event_by_the_class_of_its_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("HOLDFAST_DATA", str(tmp_path))

    with pytest.raises(HoldfastError) as refused:
        handler({"work": "backup"}, Context())

    assert type(refused.value).__name__ == "InvalidRequest"
    assert json.loads(str(refused.value))["code"] == "invalid_request"
