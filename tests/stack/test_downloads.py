"""A link leads to the bytes of one artefact, and to nothing else, for as long as it may."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from chalicelib.domain.backup import Backup
from chalicelib.domain.object_keys import artefact_key
from chalicelib.ports import ObjectStore
from tests.support.stack import AWS, Stack
from tests.support.waiting import await_that
from tests.support.world import DUMP


@pytest.fixture
def signed(api: httpx.Client, completed: Backup) -> str:
    """The URL that a link of the completed backup redirects to."""
    link = api.post(f"/v1/backups/{completed.id}/links", json={}).raise_for_status().json()
    return httpx.get(link["url"]).headers["location"]


def presigned(store: ObjectStore, backup: Backup, stack: Stack, lifetime: timedelta) -> str:
    now = stack.services.adapters.clock.now()
    key = artefact_key(backup, "database.dump")
    return store.presign(key, filename="database.dump", lifetime=lifetime, now=now)


def with_other_signature(url: str) -> str:
    first = re.search("[Ss]ignature=(.)", url)
    assert first is not None
    other = "1" if first[1] == "0" else "0"
    return url[: first.start(1)] + other + url[first.end(1) :]


def is_refused(stack: Stack, url: str) -> bool:
    # S3 says that it refuses; our own door says that there is no such thing
    status = httpx.get(url).status_code
    return status == (403 if stack.name == AWS else 404)


def test_the_bytes_of_a_link_are_those_of_the_record(signed: str, completed: Backup) -> None:
    answer = httpx.get(signed)

    assert completed.checksum is not None
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == completed.checksum.value
    assert f'filename="{completed.id}-database.dump"' in answer.headers["content-disposition"]


def test_a_broken_download_resumes(signed: str) -> None:
    answer = httpx.get(signed, headers={"Range": "bytes=100-"})

    assert (answer.status_code, answer.content) == (206, DUMP[100:])


def test_a_tampered_signature_is_refused(stack: Stack, signed: str) -> None:
    assert is_refused(stack, with_other_signature(signed))


@pytest.mark.parametrize("other", ["manifest.json", "RECOVERY.md"])
def test_a_signature_is_no_use_for_another_object(stack: Stack, signed: str, other: str) -> None:
    assert is_refused(stack, signed.replace("database.dump?", f"{other}?"))


def test_a_longer_life_cannot_be_written_into_a_url(stack: Stack, signed: str) -> None:
    query = dict(parse_qsl(urlsplit(signed).query))
    name = next(name for name in query if name.lower().rpartition("-")[2] == "expires")

    longer = signed.replace(f"{name}={query[name]}", f"{name}={int(query[name]) + 9}")

    assert longer != signed
    assert is_refused(stack, longer)


@pytest.mark.usefixtures("api")
def test_an_expired_url_is_refused(stack: Stack, completed: Backup) -> None:
    store = stack.services.adapters.store
    url = presigned(store, completed, stack, timedelta(seconds=1))

    await_that(lambda: is_refused(stack, url))

    assert httpx.get(presigned(store, completed, stack, timedelta(seconds=60))).content == DUMP


@pytest.mark.usefixtures("api")
def test_a_url_that_somebody_else_signed_is_refused(
    stack: Stack, completed: Backup, tmp_path: Path
) -> None:
    foreign = stack.foreign_store(tmp_path / "elsewhere")

    assert is_refused(stack, presigned(foreign, completed, stack, timedelta(minutes=5)))


def test_a_link_of_one_use_that_was_revoked_leads_nowhere(
    api: httpx.Client, completed: Backup
) -> None:
    path = f"/v1/backups/{completed.id}/links"
    link = api.post(path, json={}).raise_for_status().json()
    assert httpx.get(link["url"]).status_code == 302

    api.delete(f"{path}/{link['id']}").raise_for_status()

    assert httpx.get(link["url"]).status_code == 404


def test_an_expired_link_leads_nowhere(api: httpx.Client, completed: Backup) -> None:
    wanted = {"lifetime_s": 1}
    link = api.post(f"/v1/backups/{completed.id}/links", json=wanted).raise_for_status().json()

    await_that(lambda: httpx.get(link["url"]).status_code == 404)
