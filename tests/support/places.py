"""Look into everything that a service on AWS leaves behind, but its secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.ministack import Ministack
from tests.support.stack import Stack


@dataclass(frozen=True)
class Places:
    """Name a service on AWS and the queue that got its notices."""

    aws: Stack
    ministack: Ministack
    inbox: str

    def text(self) -> str:
        return "".join([*self.records(), *self.objects(), *self.executions(), *self.notices()])

    def records(self) -> Iterator[str]:
        table = self.aws.environment["HOLDFAST_TABLE"]
        for page in (
            self.ministack.client("dynamodb").get_paginator("scan").paginate(TableName=table)
        ):
            yield from (json.dumps(item) for item in page["Items"])

    def objects(self) -> Iterator[str]:
        store = self.aws.services.adapters.store
        for key in store.keys(""):
            yield key
            yield b"".join(store.read(key)).decode(errors="replace")

    def executions(self) -> Iterator[str]:
        states = self.ministack.client("stepfunctions")
        for machine in ("HOLDFAST_BACKUP_MACHINE", "HOLDFAST_JOB_MACHINE"):
            arn = self.aws.environment[machine]
            for execution in states.list_executions(stateMachineArn=arn)["executions"]:
                name = execution["executionArn"]
                found = states.describe_execution(executionArn=name)
                yield f"{found['input']}{found.get('output', '')}"
                yield str(states.get_execution_history(executionArn=name)["events"])

    def notices(self) -> Iterator[str]:
        sqs, count = self.ministack.client("sqs"), 0
        while got := sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            count += len(got)
            yield from (message["Body"] for message in got)
        assert count, "no notice has come"


def subscribed(aws: Stack, ministack: Ministack) -> Places:
    """Return the places to search, with a queue that gets every notice."""
    sqs = ministack.client("sqs")
    topic = aws.environment["HOLDFAST_TOPIC"]
    inbox = sqs.create_queue(QueueName=topic.rpartition(":")[2])["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])
    arn = found["Attributes"]["QueueArn"]
    ministack.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return Places(aws, ministack, inbox)
