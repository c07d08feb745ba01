"""Fill a stand-in's Storage with many small files under one prefix, as quickly as rows go in."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable

from chalicelib.local.supabase.stand_in import SupabaseStandIn

BUCKET = "many"
FILL = """
INSERT INTO storage.objects (bucket_id, name, version, metadata, owner_id, created_at, updated_at)
SELECT %s, f.name, f.version, f.metadata::jsonb, 'owner of ' || f.name,
       timestamptz '2026-01-01' + f.n * interval '1 second', timestamptz '2026-02-02'
  FROM unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY AS f (name, version, metadata, n)
"""


def plain_names(count: int) -> list[str]:
    """Return names under one prefix."""
    return [f"shop/products/{number:06}.json" for number in range(count)]


def hostile_names(count: int) -> list[str]:
    """Return names under one prefix, with every character that a name may have."""
    letters = [chr(code) for code in (*range(0x20, 0x7F), *range(0xA1, 0x180), 0x3042, 0x1F600)]
    odd = ["../..", "./x", "a//b", "/", "%2F%00", "a?b=c#d", "-rf *", "a\nb\tc", "x/.", "\x7f"]
    names = [f"one/prefix/{letter}{letter} {letter}" for letter in letters]
    names += [f"one/prefix/{name}" for name in odd]
    rest = [f"one/prefix/{number:06}{letters[number % len(letters)]}" for number in range(count)]
    return (names + rest)[:count]


def content_of(name: str, size_bytes: int) -> bytes:
    """Return what a file holds: bytes of its own, which do not repeat."""
    return hashlib.shake_256(name.encode()).digest(size_bytes)


def fill(project: SupabaseStandIn, names: Iterable[str], size_bytes: int) -> None:
    """Keep a file of that many bytes under each name, with an owner and times of its own."""
    project.storage.make_bucket(BUCKET)
    listed = list(names)
    versions, described = [], []
    for name in listed:
        data = content_of(name, size_bytes)
        versions.append(str(uuid.uuid4()))
        project.storage.path(BUCKET, name, versions[-1]).write_bytes(data)
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        told = {"eTag": f'"{etag}"', "size": size_bytes, "mimetype": "application/json"}
        described.append(json.dumps({**told, "cacheControl": "max-age=3600"}))
    with project.admin_session() as session:
        session.execute(FILL, (BUCKET, listed, versions, described))
