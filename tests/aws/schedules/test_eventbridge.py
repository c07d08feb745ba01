"""What schedules in EventBridge promise beyond the contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.adapters.aws.scheduler import EventBridgeScheduler, Target, schedule_request
from chalicelib.domain.errors import Conflict, InvalidRequest, StorageFailed
from chalicelib.ports import ScheduleEntry
from tests.support.ministack import Ministack, ministack_of

ENTRY = ScheduleEntry("S1", "rate(1 day)", "UTC", "{}")
TARGET = Target(
    group="backups",
    function_arn="arn:aws:lambda:eu-central-1:000000000000:function:start",
    role_arn="arn:aws:iam::000000000000:role/scheduler",
    dead_letter_arn="arn:aws:sqs:eu-central-1:000000000000:missed",
)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Ministack:
    return ministack_of(request.config)


class RefusingClient:
    """Refuse updates and creations with one code each."""

    def __init__(self, update: str, create: str) -> None:
        self._codes = {"update": update, "create": create}

    def update_schedule(self, **arguments: object) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": self._codes["update"]}}, "UpdateSchedule")

    def create_schedule(self, **arguments: object) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": self._codes["create"]}}, "CreateSchedule")

    def get_schedule(self, **arguments: object) -> dict[str, Any]:
        raise AssertionError(arguments)

    def delete_schedule(self, **arguments: object) -> dict[str, Any]:
        raise AssertionError(arguments)

    def list_schedules(self, **arguments: object) -> dict[str, Any]:
        raise AssertionError(arguments)


@pytest.mark.parametrize("window", [0, 15])
def test_a_replaced_schedule_keeps_target_retries_and_dead_letters(
    server: Ministack, window: int
) -> None:
    target = replace(TARGET, group=server.new_schedule_group())
    client = server.client("scheduler")
    scheduler = EventBridgeScheduler(client, target)
    scheduler.put(ENTRY)

    scheduler.put(replace(ENTRY, window_minutes=window))

    stored = client.get_schedule(Name="S1", GroupName=target.group)
    wanted = schedule_request(replace(ENTRY, window_minutes=window), target)
    assert {key: stored[key] for key in wanted} == wanted


def test_a_request_leaves_no_field_to_defaults() -> None:
    request = schedule_request(ENTRY, TARGET)

    assert request["Target"]["DeadLetterConfig"] == {"Arn": TARGET.dead_letter_arn}
    assert request["Target"]["RetryPolicy"].keys() == {
        "MaximumEventAgeInSeconds",
        "MaximumRetryAttempts",
    }
    assert request["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert request["State"] == "ENABLED"


@pytest.mark.parametrize(
    ("update", "create", "expected"),
    [
        ("ValidationException", "", InvalidRequest),
        ("ResourceNotFoundException", "ValidationException", InvalidRequest),
        ("ResourceNotFoundException", "ConflictException", Conflict),
        ("ResourceNotFoundException", "ResourceNotFoundException", StorageFailed),
        ("ThrottlingException", "", StorageFailed),
    ],
)
def test_a_refused_put_has_its_error(update: str, create: str, expected: type[Exception]) -> None:
    scheduler = EventBridgeScheduler(RefusingClient(update, create), TARGET)

    with pytest.raises(expected):
        scheduler.put(ENTRY)


def test_a_name_the_service_cannot_have_is_refused(server: Ministack) -> None:
    target = replace(TARGET, group=server.new_schedule_group())
    scheduler = EventBridgeScheduler(server.client("scheduler"), target)

    with pytest.raises(InvalidRequest):
        scheduler.put(replace(ENTRY, name=""))


class PagedClient(RefusingClient):
    """List schedules in pages of one."""

    def list_schedules(self, **arguments: object) -> dict[str, Any]:
        number = int(str(arguments.get("NextToken", "0")))
        page: dict[str, Any] = {"Schedules": [{"Name": f"S{number}"}]}
        return page | ({"NextToken": str(number + 1)} if number < 2 else {})


def test_names_are_read_page_by_page() -> None:
    scheduler = EventBridgeScheduler(PagedClient("", ""), TARGET)

    assert list(scheduler.names()) == ["S0", "S1", "S2"]
