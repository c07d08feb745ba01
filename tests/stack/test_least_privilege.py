"""The API needs no right to read objects: the function that redeems links has it, and no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.adapters.aws.link_signer import LambdaLinkSigner
from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import StorageFailed
from chalicelib.domain.object_keys import artefact_key
from chalicelib.events.link_signer import redeem
from chalicelib.services.links import LinkSigner, NewLink
from tests.support.seaweedfs import API, SIGNER, WORKER
from tests.support.stack import AWS, Stack, aws_settings, embedded_settings, opened_with, serving
from tests.support.world import DUMP, ScriptedEngine

FUNCTION = "holdfast-dev-link_signer"


@dataclass
class FunctionOfSigner:
    """Be the client of Lambda: call the handler as Lambda does, text in and text out."""

    services: Services
    events: list[dict[str, Any]] = field(default_factory=list)

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        assert arguments["FunctionName"] == FUNCTION
        event = json.loads(arguments["Payload"])
        self.events.append(event)
        return {"Payload": BytesIO(json.dumps(redeem(self.services, event)).encode())}


@dataclass(frozen=True)
class Installation:
    """Hold the three parts of an installation, each with credentials of its own."""

    api: Stack
    signer: Stack
    worker: Stack
    function: FunctionOfSigner

    def completed(self) -> Backup:
        backup = self.worker.request()
        runner = self.worker.with_engine(ScriptedEngine()).backup_runner("worker-1")
        return runner.run(backup.id)


@pytest.fixture
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    shared = embedded_settings(tmp_path) | aws_settings(request.config)
    with ExitStack() as parts:
        worker = parts.enter_context(opened_with(AWS, shared, WORKER))
        signer = parts.enter_context(opened_with(AWS, shared, SIGNER))
        named = {**shared, "HOLDFAST_LINK_SIGNER": FUNCTION}
        api = parts.enter_context(opened_with(AWS, named, API))
        function = FunctionOfSigner(signer.services)
        api.services.redeemer = LambdaLinkSigner(function, FUNCTION)
        yield Installation(api, signer, worker, function)


@pytest.fixture
def client(installation: Installation) -> Iterator[httpx.Client]:
    with serving(installation.api.services) as made:
        yield made


def read(stack: Stack, backup: Backup) -> bytes:
    return b"".join(stack.services.adapters.store.read(artefact_key(backup, "database.dump")))


def test_a_download_works_though_the_api_may_read_nothing(
    installation: Installation, client: httpx.Client
) -> None:
    done = installation.completed()
    link = client.post(f"/v1/backups/{done.id}/links", json={}).raise_for_status().json()

    answer = client.get(f"/downloads/{link['token']}", follow_redirects=True)

    assert answer.raise_for_status().content == DUMP
    assert installation.function.events == [{"token": link["token"]}]


def test_the_api_itself_is_refused_every_byte(installation: Installation) -> None:
    done = installation.completed()

    with pytest.raises(StorageFailed, match="refused"):
        read(installation.api, done)


def test_a_url_that_the_api_signed_itself_is_refused(installation: Installation) -> None:
    done = installation.completed()
    services = installation.api.services
    _, token = services.links.create("test", done, NewLink())

    url = LinkSigner(services.ledger, services.adapters.store).redeem(token)

    assert httpx.get(url).status_code == 403


def test_the_signer_writes_and_lists_nothing(installation: Installation) -> None:
    done = installation.completed()
    store = installation.signer.services.adapters.store

    assert read(installation.signer, done) == DUMP
    with pytest.raises(StorageFailed, match="refused"):
        store.put("projects/x", b"x", content_type="text/plain")
    with pytest.raises(StorageFailed, match="refused"):
        list(store.keys("projects/"))


@pytest.mark.parametrize("token", ["nonsense", "01ARZ3NDEKTSV4RRFFQ69G5FAV.nonsense"])
def test_a_token_that_does_not_work_is_gone_through_the_function_too(
    installation: Installation, client: httpx.Client, token: str
) -> None:
    answer = client.get(f"/downloads/{token}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert installation.function.events == [{"token": token}]


def test_the_api_deletes_what_it_cannot_read(
    installation: Installation, client: httpx.Client
) -> None:
    done = installation.completed()

    client.delete(f"/v1/backups/{done.id}").raise_for_status()

    assert installation.worker.leftovers() == []
