"""Promises of taking webhook URLs apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.http_target import HttpTarget, http_target
from chalicelib.domain.public_hosts import check_public_host


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hooks.example.org", HttpTarget("hooks.example.org", 443, "/")),
        ("https://hooks.example.org/a/b?c=d", HttpTarget("hooks.example.org", 443, "/a/b?c=d")),
        ("https://hooks.example.org?c=d@e", HttpTarget("hooks.example.org", 443, "/?c=d@e")),
        ("https://hooks.example.org:8443/", HttpTarget("hooks.example.org", 8443, "/")),
        ("https://1.1.1.1/x", HttpTarget("1.1.1.1", 443, "/x")),
        ("https://[2606:4700::1111]:1024/x", HttpTarget("2606:4700::1111", 1024, "/x")),
    ],
)
def test_a_plain_url_is_taken_apart(url: str, expected: HttpTarget) -> None:
    assert http_target(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        *("", "http://a.example/", "ftp://a.example/", "//a.example/", "https:a.example"),
        *("https://u@a.example/", "https://u:p@a.example/", "https://a.example@127.0.0.1/"),
        *("https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://0/"),
        *("https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://localhost/"),
        *("https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/"),
        *("https://a.example:22/", "https://a.example:99999/", "https://a.example:x/"),
        *("https://a.example\\@127.0.0.1/", "https://a.example/\\..", "https://a.example#@b/"),
        *("https://a.example/ x", "https://a.example/\r\nHost: b", "https://a%2eexample/"),
        *(
            "https://\uff11\uff12\uff17.0.0.1/",
            "https://[fe80::1%25lo]/",
            "https://a.example." + "/" * 9,
        ),
        "https://a.example/" + "x" * 2048,
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        http_target(url)


def test_neither_a_refusal_nor_a_target_shows_the_path() -> None:
    with pytest.raises(InvalidRequest) as refused:
        http_target("http://hooks.example.org/canary-5d2e")

    shown = repr(http_target("https://hooks.example.org/canary-5d2e"))
    assert "canary" not in f"{refused.value}{refused.value.hint}{refused.value.fields}{shown}"


@given(st.text("https:/[]@.%\\?#0127axé ", max_size=40))
def test_whatever_is_accepted_names_a_public_host(rest: str) -> None:
    try:
        target = http_target("https://" + rest)
    except InvalidRequest:
        return

    check_public_host(target.host)
