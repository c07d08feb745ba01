"""Promises of what is said where a project's password is not taken any more."""

from __future__ import annotations

import pytest

from chalicelib.domain.connection import Endpoint
from chalicelib.domain.errors import AuthenticationFailed, HoldfastError, PermissionDenied
from chalicelib.domain.job import Job, JobArguments, JobKind, RestoreArguments
from chalicelib.domain.refused_login import info_of
from chalicelib.domain.restore import RestoreOptions, RestoreTarget

REFUSED = AuthenticationFailed("the server refused user app or the password")
TOKEN = AuthenticationFailed("the token was refused", hint="Make a new token.")


def test_a_refused_password_names_the_command_and_the_page() -> None:
    info = info_of(REFUSED, "P1")

    assert (info.code, info.message) == (REFUSED.code, REFUSED.message)
    assert "`holdfast projects update P1 --password env:NAME`" in info.hint
    assert "Change on its page" in info.hint


@pytest.mark.parametrize(
    ("error", "project_id"),
    [(TOKEN, "P1"), (PermissionDenied("no"), "P1"), (REFUSED, None)],
    ids=["a token", "another error", "no project"],
)
def test_everything_else_keeps_its_own_hint(error: HoldfastError, project_id: str | None) -> None:
    assert info_of(error, project_id) == error.info


def preflight_into(target: RestoreTarget) -> JobArguments:
    return JobArguments(restore=RestoreArguments(target=target, options=RestoreOptions()))


@pytest.mark.parametrize(
    ("project_id", "arguments", "reaches"),
    [
        ("P1", JobArguments(), "P1"),
        ("", JobArguments(), None),
        ("P1", preflight_into(RestoreTarget(project_id="P2")), "P2"),
        ("P1", preflight_into(RestoreTarget(endpoint=Endpoint(host="db"))), None),
    ],
)
def test_a_job_knows_whose_database_it_reaches(
    project_id: str, arguments: JobArguments, reaches: str | None
) -> None:
    fields = {
        "id": "J",
        "job_kind": JobKind.TEST,
        "project_id": project_id,
        "arguments": arguments,
        "requested_by": "key:1",
        "created_at": "2026-03-01T12:00:00Z",
        "deadline": "2026-03-01T13:00:00Z",
    }

    assert Job.model_validate(fields).reaches == reaches
