from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from chalicelib.api.connections import changed_connection, new_connection
from chalicelib.api.requests.projects import ProjectCreate, ProjectPatch
from chalicelib.domain.connection import Endpoint, SslMode
from chalicelib.domain.errors import InvalidRequest

CURRENT = Endpoint(host="db.example.org", port=6543, user="u", sslmode=SslMode.VERIFY_FULL)


def test_fields_left_out_take_the_defaults_of_the_domain() -> None:
    connection = new_connection(ProjectCreate(host="db.example.org"))

    assert connection.endpoint == Endpoint(host="db.example.org")
    assert connection.password == ""


def test_a_change_keeps_what_it_does_not_name() -> None:
    changes = changed_connection(CURRENT, ProjectPatch(host="other.example.org"))

    assert changes.endpoint == CURRENT.model_copy(update={"host": "other.example.org"})
    assert changes.password is None


def test_a_change_of_the_name_alone_touches_no_endpoint() -> None:
    changes = changed_connection(CURRENT, ProjectPatch(name="x"))

    assert (changes.endpoint, changes.password) == (None, None)


@given(st.text(max_size=60))
def test_no_url_ends_in__a_connection_or_an_error_of_ours(text: str) -> None:
    request = ProjectCreate(url=SecretStr("postgresql://" + text))

    with contextlib.suppress(InvalidRequest):
        assert "," not in new_connection(request).endpoint.host


def test_a_password_with_a_nul_is_refused_as_libpq_does() -> None:
    with pytest.raises(InvalidRequest, match="NUL"):
        new_connection(ProjectCreate(url=SecretStr("postgresql://u:a%00b@h/d")))


@pytest.mark.parametrize("letter", ["\n", "\r"])
def test_a_password_that_no_password_file_can_hold_is_refused(letter: str) -> None:
    url = SecretStr(f"postgresql://u:a%{ord(letter):02X}b@h/d")

    with pytest.raises(InvalidRequest, match=r"line break|a NUL"):
        new_connection(ProjectCreate(url=url))


@pytest.mark.parametrize("url", ["postgresql://u@h/d", "postgresql://u:[PASSWORD]@h/d"])
def test_a_password_beside_a_url_is_the_one_that_counts(url: str) -> None:
    request = ProjectCreate(url=SecretStr(url), password=SecretStr("hunter2"))

    assert new_connection(request).password == "hunter2"


def test_secrets_do_not_show_in_the_repr_of_a_request() -> None:
    request = ProjectCreate(host="h", password=SecretStr("hunter2"))

    assert "hunter2" not in repr(request)
