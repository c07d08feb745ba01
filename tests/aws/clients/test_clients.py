"""How clients are made, and how their calls are counted."""

from __future__ import annotations

import socket
import threading

import pytest
from botocore.exceptions import ReadTimeoutError

from chalicelib.adapters.aws.call_counter import CallCounter
from chalicelib.adapters.aws.clients import Credentials, Place, client
from tests.support.ministack import Ministack, ministack_of


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Ministack:
    return ministack_of(request.config)


def silent(listener: socket.socket) -> Place:
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    return Place("eu-central-1", endpoint, Credentials("test", "test"), read_timeout_s=0.2)


def test_a_client_gives_up_in_time_and_never_repeats_by_itself() -> None:
    counter = CallCounter()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        dynamodb = client("dynamodb", silent(listener))
        counter.watch(dynamodb)
        with pytest.raises(ReadTimeoutError):
            dynamodb.get_item(TableName="t", Key={"pk": {"S": "x"}})

    assert counter.total == 1


def test_no_secret_shows_in_a_place() -> None:
    place = Place("eu-central-1", credentials=Credentials("AKIA", "s3cret", "t0ken"))

    assert "s3cret" not in repr(place)
    assert "t0ken" not in repr(place)


def test_calls_of_several_clients_and_threads_are_counted(server: Ministack) -> None:
    counter = CallCounter()
    secrets, topics = client("secretsmanager", server.place), client("sns", server.place)
    counter.watch(secrets)
    counter.watch(topics)

    threads = [threading.Thread(target=secrets.list_secrets) for _ in range(5)]
    for thread in threads:
        thread.start()
    topics.list_topics()
    for thread in threads:
        thread.join()

    assert counter.counts == {("secretsmanager", "ListSecrets"): 5, ("sns", "ListTopics"): 1}
    assert counter.total == 6
