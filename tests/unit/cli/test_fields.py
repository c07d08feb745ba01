"""How words of a command line become fields of a request."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner

from chalicelib.cli.fields import (
    backup_ended,
    cursor_option,
    given,
    id_argument,
    job_result,
    limit_option,
    tag_option,
)
from chalicelib.cli.progress_view import LineView
from chalicelib.cli.service import Service
from chalicelib.domain.errors import Cancelled, Internal, LockTimeout


@click.command()
@id_argument("record_id")
@tag_option
@limit_option
@cursor_option
def _told(**fields: Any) -> None:
    click.echo(repr(fields))


def _run(*words: str) -> Any:
    return CliRunner().invoke(_told, words)


def _service(*states: dict[str, Any]) -> Service:
    """Answer one state after another; the last one goes on."""
    waiting = list(states)

    def answer(environ: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
        start("200 OK", [])
        return [json.dumps(waiting.pop(0) if len(waiting) > 1 else waiting[0]).encode()]

    def until(predicate: Callable[[], bool]) -> None:
        while not predicate():
            pass

    client = httpx.Client(transport=httpx.WSGITransport(answer), base_url="http://api")
    return Service(client, until, "api")


def test_tags_are_names_and_values() -> None:
    done = _run("x1", "--tag", "team=web", "--tag", "note=a=b", "--tag", "empty=")

    assert "'tags': {'team': 'web', 'note': 'a=b', 'empty': ''}" in done.output


def test_without_tags_there_is_no_field() -> None:
    assert "'tags': None" in _run("x1").output


@pytest.mark.parametrize("words", [["web"], ["=web"], [""], ["a=1", "a=2"]])
def test_what_is_no_tag_is_refused(words: list[str]) -> None:
    done = _run("x1", *(part for word in words for part in ("--tag", word)))

    assert done.exit_code == 2
    assert "each name once" in done.output


@pytest.mark.parametrize(
    "word", ["", "../keys/x1", "a/b", "a?b", "a.b", "%2e", "ä", "x" * 65, "a "]
)
def test_an_id_is_letters_and_digits_and_never_a_path(word: str) -> None:
    done = _run("--", word)

    assert done.exit_code == 2
    assert "letters and digits only" in done.output


def test_an_id_is_handed_on_as_it_is() -> None:
    assert "'record_id': '01JDabc'" in _run("01JDabc").output


@pytest.mark.parametrize(("limit", "code"), [("0", 2), ("1", 0), ("10000", 0), ("10001", 2)])
def test_a_list_has_a_sensible_length(limit: str, code: int) -> None:
    assert _run("x1", "--limit", limit).exit_code == code


def test_only_what_was_given_is_sent() -> None:
    sent = given(name=None, locked=False, description="", hours=0)

    assert sent == {"locked": False, "description": "", "hours": 0}


def test_a_job_gives_its_result() -> None:
    service = _service(
        {"id": "j1", "status": "pending"},
        {"id": "j1", "status": "completed", "result": {"tables": 3}},
    )

    assert job_result(service, {"id": "j1"}) == {"tables": 3}


def test_a_failed_job_raises_its_own_error_and_hint() -> None:
    error = {"code": "lock_timeout", "message": "a table is locked", "hint": "Find who holds it."}
    service = _service({"id": "j1", "status": "failed", "error": error})

    with pytest.raises(LockTimeout, match="job j1: a table is locked") as caught:
        job_result(service, {"id": "j1"})

    assert caught.value.hint == "Find who holds it."


@pytest.mark.parametrize("error", [None, {"code": "from the future", "message": "m", "hint": ""}])
def test_an_end_without_a_known_reason_is_internal(error: dict[str, str] | None) -> None:
    service = _service({"id": "j1", "status": "failed", "error": error})

    with pytest.raises(Internal, match="job j1: "):
        job_result(service, {"id": "j1"})


def test_a_cancelled_backup_is_not_taken_for_done() -> None:
    error = {"code": "cancelled", "message": "somebody asked", "hint": "h"}
    service = _service({"id": "b1", "status": "cancelled", "error": error})

    with pytest.raises(Cancelled):
        backup_ended(service, "b1", LineView(lambda _: None))


def test_progress_is_shown_while_a_backup_is_waited_for() -> None:
    progress = {
        "phase": "dump",
        "raw_bytes_done": 500,
        "raw_bytes_total": 1000,
        "fraction": 0.5,
        "at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
    }
    lines: list[str] = []
    service = _service(
        {"id": "b1", "status": "pending", "progress": None},
        {"id": "b1", "status": "in-progress", "progress": progress},
        {"id": "b1", "status": "completed"},
    )

    ended = backup_ended(service, "b1", LineView(lines.append))

    assert lines == ["dump, 500 B, 50%"]
    assert ended["status"] == "completed"
