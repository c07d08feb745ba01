"""Promises of waiting for a gate's backup: patience with an end, and a clean way out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chalicelib.cli.gate_wait import LOST_FOR_S, GateWait
from chalicelib.cli.service import Service
from chalicelib.domain.errors import (
    Cancelled,
    DeadlineExceeded,
    DumpFailed,
    HoldfastError,
    Internal,
    NotVerified,
    SourceUnreachable,
)
from tests.support.world import TurnedClock

Answer = dict[str, Any] | None
WAIT = {"id": "01B", "gate": {"verdict": "wait", "error": None}}
PASS = {"id": "01B", "gate": {"verdict": "pass", "error": None}}


def refused(code: str) -> dict[str, Any]:
    error = {"code": code, "message": "it broke", "hint": "Mend it."}
    return {"id": "01B", "gate": {"verdict": "refuse", "error": error}}


class Scripted:
    """A service that gives its answers in turn, the last one for ever; None is no answer."""

    def __init__(self, *answers: Answer, looks_every_s: float = 10.0) -> None:
        self.clock = TurnedClock()
        self.cancelled: list[str] = []
        self._answers = list(answers)
        self._every = timedelta(seconds=looks_every_s)
        http = httpx.Client(transport=httpx.MockTransport(self._answer), base_url="http://h.test")
        self.service = Service(http, self._work_until, "h.test")

    def wait(self, timeout_s: float = 3600.0) -> dict[str, Any]:
        return GateWait(self.service, self.clock, timeout_s).backup("01B", lambda _: None)

    def _work_until(self, predicate: Callable[[], bool]) -> None:
        while not predicate():
            self.clock.turn(self._every)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.cancelled.append(request.url.path)
            return httpx.Response(202, json={})
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            raise httpx.ConnectError("refused")
        if "detail" in answer:
            return httpx.Response(500, json=answer)
        return httpx.Response(200, json=answer)


def test_a_backup_that_comes_to_pass_is_returned() -> None:
    assert Scripted(WAIT, WAIT, PASS).wait() == PASS


@pytest.mark.parametrize(
    ("code", "kind"), [("dump_failed", DumpFailed), ("of_the_future", Internal)]
)
def test_a_refusal_is_raised_under_its_code(code: str, kind: type[HoldfastError]) -> None:
    service = Scripted(WAIT, refused(code))

    with pytest.raises(kind, match="backup 01B: it broke"):
        service.wait()

    assert service.cancelled == []


@pytest.mark.parametrize("gate", [None, {}, {"verdict": "yes"}, "pass", ["pass"]])
def test_an_answer_that_is_no_verdict_refuses(gate: object) -> None:
    with pytest.raises(NotVerified):
        Scripted({"id": "01B", "gate": gate}).wait()


def test_an_answer_about_another_backup_refuses() -> None:
    with pytest.raises(HoldfastError):
        Scripted({**PASS, "id": "01OTHER"}).wait()


def test_what_is_late_is_cancelled() -> None:
    service = Scripted(WAIT)

    with pytest.raises(DeadlineExceeded, match="after 100 s"):
        service.wait(timeout_s=100)

    assert service.cancelled == ["/v1/backups/01B/cancel"]


def test_what_passes_at_the_last_look_passes() -> None:
    assert Scripted(*[WAIT] * 10, PASS).wait(timeout_s=100) == PASS


def test_a_short_silence_of_the_service_is_waited_out() -> None:
    silent = [None] * int(LOST_FOR_S / 10 - 1)

    assert Scripted(WAIT, *silent, WAIT, *silent, PASS).wait() == PASS


@pytest.mark.parametrize("code", ["rate_limited", "storage_failed"])
def test_a_service_that_is_busy_is_asked_again(code: str) -> None:
    busy = {"code": code, "detail": "busy", "hint": "Wait."}

    assert Scripted(WAIT, busy, PASS).wait() == PASS


@pytest.mark.parametrize("code", ["not_found", "unauthenticated", "internal"])
def test_an_answer_that_will_not_change_refuses_at_once(code: str) -> None:
    final = {"code": code, "detail": "no", "hint": "Look."}

    with pytest.raises(HoldfastError, match="no"):
        Scripted(WAIT, final, PASS).wait()


def test_a_service_that_stays_silent_refuses() -> None:
    service = Scripted(WAIT, None)

    with pytest.raises(SourceUnreachable):
        service.wait()

    assert service.clock.monotonic() <= LOST_FOR_S + 2 * 10


@pytest.mark.parametrize(
    ("kind", "raised"),
    [(Cancelled, Cancelled("interrupted")), (KeyboardInterrupt, KeyboardInterrupt())],
)
def test_an_interruption_cancels_the_backup(
    kind: type[BaseException], raised: BaseException
) -> None:
    service = Scripted(WAIT)

    def interrupted(run: dict[str, Any]) -> None:
        raise raised

    with pytest.raises(kind):
        GateWait(service.service, service.clock, 100).backup("01B", interrupted)

    assert service.cancelled == ["/v1/backups/01B/cancel"]


def test_a_failed_job_is_raised_under_its_code() -> None:
    error = {"code": "source_unreachable", "message": "nobody there", "hint": "Look."}
    service = Scripted(
        {"id": "01J", "status": "pending"}, {"id": "01J", "status": "failed", "error": error}
    )

    with pytest.raises(SourceUnreachable, match="nobody there"):
        GateWait(service.service, service.clock, 100).job("01J")


def test_a_job_that_is_late_refuses() -> None:
    service = Scripted({"id": "01J", "status": "pending"})

    with pytest.raises(DeadlineExceeded):
        GateWait(service.service, service.clock, 100).job("01J")
