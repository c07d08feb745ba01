from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Backup
from chalicelib.domain.project import Project
from chalicelib.local.objects import etag

pytestmark = pytest.mark.embedded_only  # what is asked here is the local server

CONTENT = bytes(range(256)) * 4097  # a little over a chunk of the store


@pytest.fixture
def sign(services: Services, make_backup: Callable[..., Backup], project: Project) -> str:
    """A signed URL of an object with CONTENT."""
    key = make_backup(project, CONTENT).artefacts[0].key
    return services.adapters.store.presign(
        key,
        filename='my "dump" ü\r\nX: y.dump',
        lifetime=timedelta(minutes=5),
        now=services.ledger.clock.now(),
    )


def test_the_bytes_are_the_objects_own(client: httpx.Client, sign: str) -> None:
    answer = client.get(sign)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=10-19", slice(10, 20)),
        ("bytes=1048570-1048599", slice(1048570, 1048600)),
        (f"bytes={len(CONTENT) - 1}-", slice(len(CONTENT) - 1, None)),
        ("bytes=5-", slice(5, None)),
        ("bytes=-7", slice(-7, None)),
        (f"bytes=-{len(CONTENT) + 9}", slice(0, None)),
        ("bytes=9-999999999999", slice(9, None)),
    ],
)
def test_a_range_is_exactly_those_bytes(
    client: httpx.Client, sign: str, wanted: str, expected: slice
) -> None:
    answer = client.get(sign, headers={"Range": wanted})

    start = expected.indices(len(CONTENT))[0]
    part = CONTENT[expected]
    assert (answer.status_code, answer.content) == (206, part)
    assert answer.headers["content-range"] == (
        f"bytes {start}-{start + len(part) - 1}/{len(CONTENT)}"
    )


@pytest.mark.parametrize(
    "wanted", ["bytes=0-1,5-6", "bytes=-", "bytes=5-2", "lines=1-2", "bytes=a-b", "bytes=1-2-3"]
)
def test_what_is_no_single_range_gives_everything(
    client: httpx.Client, sign: str, wanted: str
) -> None:
    answer = client.get(sign, headers={"Range": wanted})

    assert (answer.status_code, len(answer.content)) == (200, len(CONTENT))


@pytest.mark.parametrize("wanted", [f"bytes={len(CONTENT)}-", "bytes=-0", "bytes=99999999-"])
def test_a_range_outside_is_refused_with_the_size(
    client: httpx.Client, sign: str, wanted: str
) -> None:
    answer = client.get(sign, headers={"Range": wanted})

    assert (answer.status_code, answer.json()["status"]) == (416, 416)
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


def test_if_range_with_another_validator_gives_everything(client: httpx.Client, sign: str) -> None:
    mine = client.head(sign).headers["etag"]
    other = etag("another object")

    same = client.get(sign, headers={"Range": "bytes=0-9", "If-Range": mine})
    changed = client.get(sign, headers={"Range": "bytes=0-9", "If-Range": other})

    assert (same.status_code, len(same.content)) == (206, 10)
    assert (changed.status_code, len(changed.content)) == (200, len(CONTENT))


def test_head_says_the_size_and_sends_nothing(client: httpx.Client, sign: str) -> None:
    answer = client.head(sign)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(CONTENT))


def test_the_file_name_cannot_break_the_header(client: httpx.Client, sign: str) -> None:
    header = client.get(sign).headers["content-disposition"]

    assert header.startswith('attachment; filename="my__dump_____X__y.dump"; filename*=UTF-8')
    assert "\r" not in header


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("signature=", "signature=0"),
        lambda url: url.replace("expires=", "expires=9"),
        lambda url: url.replace("filename=", "filename=x"),
        lambda url: url.replace("database.dump?", "manifest.json?"),
        lambda url: url.replace("/objects/", "/objects/x%2F..%2F"),
        lambda url: url.replace("/objects/", "/objects/%00"),
        lambda url: url.partition("?")[0],
        lambda url: url + "&expires=99999999999",
        lambda url: url.replace("signature=", "signature=%C3%A9"),
    ],
)
def test_a_changed_url_opens_nothing(
    client: httpx.Client, sign: str, change: Callable[[str], str]
) -> None:
    answer = client.get(change(sign))

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_signed_url_expires(
    client: httpx.Client, sign: str, advance: Callable[[timedelta], None]
) -> None:
    advance(timedelta(minutes=5, seconds=1))

    assert client.get(sign).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_objects_can_only_be_read(client: httpx.Client, sign: str, method: str) -> None:
    answer = client.request(method, sign)

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_an_empty_object_is_empty(
    client: httpx.Client, services: Services, make_backup: Callable[..., Backup], project: Project
) -> None:
    key = make_backup(project, b"").artefacts[0].key
    now = services.ledger.clock.now()
    url = services.adapters.store.presign(
        key, filename="empty", lifetime=timedelta(minutes=5), now=now
    )

    assert (client.get(url).status_code, client.get(url).content) == (200, b"")
    assert client.get(url, headers={"Range": "bytes=0-"}).status_code == 416
