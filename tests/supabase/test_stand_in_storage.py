"""The stand-in's Storage answers as the platform's does, as far as copies of files meet it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from chalicelib.local.supabase.content import NAMES, PRIVATE_BUCKET
from chalicelib.local.supabase.stand_in import SupabaseStandIn
from tests.support.supabase import running_stand_in

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def project() -> Iterator[SupabaseStandIn]:
    with running_stand_in() as stand_in:
        stand_in.storage.make_bucket(PRIVATE_BUCKET)
        yield stand_in


@pytest.fixture
def storage(project: SupabaseStandIn) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {project.service_key}"}
    base = project.settings.storage_url
    with httpx.Client(base_url=base, headers=headers, trust_env=False) as client:
        yield client


def path(name: str) -> str:
    return f"/object/{PRIVATE_BUCKET}/{quote(name, safe='')}"


def version(project: SupabaseStandIn, name: str) -> str:
    with project.owner_session() as session:
        row = session.execute(
            "SELECT version FROM storage.objects WHERE name = %s", (name,)
        ).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_file_comes_back_by_its_name_whatever_is_in_it(storage: httpx.Client, name: str) -> None:
    content = name.encode() * 1000
    headers = {"Content-Type": "text/x-test", "Cache-Control": "max-age=9", "x-upsert": "true"}

    storage.post(path(name), content=iter([content[:50], content[50:]]), headers=headers)
    found = storage.get(path(name))

    assert (found.status_code, found.content) == (200, content)
    assert (found.headers["content-type"], found.headers["cache-control"]) == (
        "text/x-test",
        "max-age=9",
    )


def test_every_upload_makes_a_new_version(storage: httpx.Client, project: SupabaseStandIn) -> None:
    storage.post(path("v"), content=b"1")
    first = version(project, "v")
    taken = storage.post(path("v"), content=b"2")
    storage.put(path("v"), content=b"2")

    assert (taken.status_code, taken.json()["statusCode"]) == (400, "409")
    assert version(project, "v") != first


def test_a_changed_file_is_not_given_to_who_wants_the_old_one(storage: httpx.Client) -> None:
    storage.put(path("e"), content=b"old")
    etag = storage.head(path("e")).headers["etag"]
    same = storage.get(path("e"), headers={"If-Match": etag})
    storage.put(path("e"), content=b"new")

    changed = storage.get(path("e"), headers={"If-Match": etag})

    assert (same.status_code, changed.status_code) == (200, 412)


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=3-", 206, b"3456789"),
        ("bytes=2-4", 206, b"234"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=10-", 416, b""),
    ],
)
def test_a_part_of_a_file_is_given(
    storage: httpx.Client, wanted: str, status: int, content: bytes
) -> None:
    storage.put(path("r"), content=b"0123456789")

    found = storage.get(path("r"), headers={"Range": wanted})

    assert (found.status_code, found.content) == (status, content)


def test_a_missing_file_is_answered_as_the_platform_does(storage: httpx.Client) -> None:
    storage.put(path("gone"), content=b"1")
    storage.delete(path("gone"))

    found = storage.get(path("gone"))

    assert (found.status_code, found.json()["statusCode"]) == (400, "404")


def test_a_list_goes_on_where_it_stopped(storage: httpx.Client) -> None:
    for number in range(5):
        storage.put(path(f"many/{number}"), content=b"")

    first = storage.post(
        f"/object/list-v2/{PRIVATE_BUCKET}", json={"prefix": "many/", "limit": 3}
    ).json()
    wanted = {"prefix": "many/", "cursor": first["nextCursor"]}
    rest = storage.post(f"/object/list-v2/{PRIVATE_BUCKET}", json=wanted).json()

    names = [one["name"] for one in first["objects"] + rest["objects"]]
    assert names == [f"many/{number}" for number in range(5)]
    assert (first["hasNext"], rest["hasNext"]) == (True, False)


def test_another_key_opens_nothing(project: SupabaseStandIn, storage: httpx.Client) -> None:
    found = storage.get("/bucket", headers={"Authorization": "Bearer wrong"})

    assert (found.status_code, found.json()["statusCode"]) == (400, "403")
