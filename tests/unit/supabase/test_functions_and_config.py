"""What the Management API sends of functions and configuration, and what is kept of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chalicelib.domain.errors import SourceLost
from chalicelib.local.supabase.edge_functions import EdgeFunction, multipart_of
from chalicelib.supabase.config import without_secrets
from chalicelib.supabase.functions import sources

FUNCTION = EdgeFunction("hello", {"a/index.ts": b"export {};\n", "b.bin": b"\x00\r\n--x\xff"})


def test_sources_come_out_of_a_body_as_they_went_in() -> None:
    body, content_type = multipart_of(FUNCTION)

    files, entrypoint = sources(content_type, body)

    assert files == {"a/index.ts": "ZXhwb3J0IHt9Owo=", "b.bin": "AA0KLS14/w=="}
    assert entrypoint == "index.ts"


@pytest.mark.parametrize("kept", [0, 40, 200, -4])
def test_a_body_that_was_cut_is_not_taken_for_the_sources(kept: int) -> None:
    body, content_type = multipart_of(FUNCTION)

    with pytest.raises(SourceLost):
        sources(content_type, body[:kept])


def test_a_bundle_is_not_taken_for_the_sources() -> None:
    with pytest.raises(SourceLost):
        sources("application/octet-stream", b"ESZIP2.3 whatever")


@pytest.mark.parametrize(
    ("values", "kept", "left_out"),
    [
        ({"site_url": "x", "smtp_pass": "y"}, {"site_url": "x"}, ["smtp_pass"]),
        ({"external_github_secret": "x"}, {}, ["external_github_secret"]),
        ({"external_github_secret": ""}, {}, []),
        ({"hook": {"secrets": "x", "uri": "u"}}, {"hook": {"uri": "u"}}, ["hook.secrets"]),
        ({"items": [{"private_key": "x"}]}, {"items": [{}]}, ["items.0.private_key"]),
        ([{"jwt_secret": "x", "id": 1}], [{"id": 1}], ["0.jwt_secret"]),
        (
            {"password_min_length": 8, "key_count": 2},
            {"password_min_length": 8, "key_count": 2},
            [],
        ),
        ({"features": {"a": 1}, "limit": 5}, {"limit": 5}, ["features"]),
    ],
)
def test_what_cannot_be_set_again_is_named_and_not_kept(
    values: Any, kept: Any, left_out: list[str]
) -> None:
    assert without_secrets(values, re.compile("features")) == (kept, left_out)
