"""`holdfast up` and what ends it, or its work, while the bytes of a dump flow."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
Start = Callable[..., Any]
Eventually = Callable[..., Any]


@pytest.fixture
def busy(start_up: Start, slow_url: str, eventually: Eventually) -> tuple[Any, str]:
    """A service in the middle of a dump, whose bytes flow, and the id of the backup."""
    up = start_up()
    backup_id = up.backup(slow_url, compression="bzip2")
    eventually(lambda: (up.show(backup_id)["progress"] or {}).get("raw_bytes_done"))
    assert len(up.workers) > 1  # the worker and its pg_dump
    return up, backup_id


def _end_of(up: Any, backup_id: str) -> tuple[str, str]:
    shown = up.show(backup_id)
    return shown["status"], (shown["error"] or {}).get("code", "")


def test_after_kill_9_of_up_nothing_runs_and_the_next_one_settles(
    terminal: Any,
    busy: tuple[Any, str],
    start_up: Start,
    slow_sessions: Callable[[], int],
    eventually: Eventually,
) -> None:
    up, backup_id = busy
    workers = up.workers

    up.process.kill()
    eventually(lambda: not any(worker.is_alive for worker in workers))
    eventually(lambda: slow_sessions() == 0)
    again = start_up(up.key)

    assert _end_of(again, backup_id) == ("failed", "worker_lost")
    assert terminal.objects() == []


def test_a_killed_worker_fails_its_backup_and_the_service_goes_on(
    terminal: Any,
    busy: tuple[Any, str],
    slow_url: str,
    slow_sessions: Callable[[], int],
    eventually: Eventually,
) -> None:
    up, backup_id = busy
    worker, *children = up.workers

    os.kill(worker.pid, signal.SIGKILL)
    eventually(lambda: _end_of(up, backup_id) == ("failed", "worker_lost"))
    eventually(lambda: not any(child.is_alive for child in children))
    eventually(lambda: slow_sessions() == 0)
    left = terminal.objects()
    next_id = up.backup(slow_url, type="schema")

    assert left == []
    assert eventually(lambda: _end_of(up, next_id) == ("completed", ""))


def test_a_cancel_while_bytes_flow_takes_effect_within_two_seconds(
    terminal: Any, busy: tuple[Any, str], slow_sessions: Callable[[], int], eventually: Eventually
) -> None:
    up, backup_id = busy
    begun = time.monotonic()

    up.http.post(f"/v1/backups/{backup_id}/cancel", json={})
    eventually(lambda: _end_of(up, backup_id)[0] == "cancelled")
    took_s = time.monotonic() - begun

    assert took_s < 2.0
    assert eventually(lambda: not up.workers and slow_sessions() == 0)
    assert terminal.objects() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_bytes_flow_leaves_no_process_and_no_open_run(
    terminal: Any,
    busy: tuple[Any, str],
    slow_sessions: Callable[[], int],
    eventually: Eventually,
    number: signal.Signals,
) -> None:
    up, backup_id = busy
    workers = up.workers
    begun = time.monotonic()

    up.process.send_signal(number)
    done = terminal.finish(up.process)
    took_s = time.monotonic() - begun
    shown = terminal.run("backups", "show", backup_id, "--json").json

    assert (done.code, took_s < 10) == (0, True)
    assert not any(worker.is_alive for worker in workers)
    assert (shown["status"], shown["error"]["code"]) == ("failed", "worker_lost")
    assert eventually(lambda: slow_sessions() == 0)
    assert terminal.objects() == []


def test_what_waited_when_up_was_killed_is_done_by_the_next(
    start_up: Start, slow_url: str, eventually: Eventually
) -> None:
    first = start_up(None, "--workers", "1")
    running = first.backup(slow_url, compression="bzip2")
    eventually(lambda: first.show(running)["status"] == "in-progress")
    waiting = first.backup(slow_url, type="schema")

    first.process.kill()
    first.process.wait()
    again = start_up(first.key)

    assert eventually(lambda: _end_of(again, waiting) == ("completed", ""))
    assert _end_of(again, running) == ("failed", "worker_lost")


def test_a_killed_inline_command_is_settled_by_the_next_one(
    terminal: Any, slow_url: str, slow_sessions: Callable[[], int], eventually: Eventually
) -> None:
    project = terminal.run("projects", "create", slow_url, "--json").json["id"]
    create = ("backups", "create", "--project", project, "--wait", "--json")
    process = terminal.start(*create, "--compression", "bzip2")
    eventually(lambda: slow_sessions() > 0)

    process.kill()
    eventually(lambda: slow_sessions() == 0)
    done = terminal.run(*create, "--type", "schema")

    listed = terminal.run("backups", "list", "--json").json["items"]
    assert done.json["status"] == "completed"
    assert [item["status"] for item in listed] == ["completed", "failed"]


def test_the_password_is_in_no_argument_and_in_no_file(
    terminal: Any, busy: tuple[Any, str], slow_url: str
) -> None:
    up, backup_id = busy
    password = slow_url.split(":")[2].partition("@")[0]
    pids = [up.process.pid, *(worker.pid for worker in up.workers)]

    arguments = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)
    up.http.post(f"/v1/backups/{backup_id}/cancel", json={})
    up.process.terminate()
    done = terminal.finish(up.process)

    data = terminal.folder / "data"
    leaking = [p for p in data.rglob("*") if p.is_file() and password.encode() in p.read_bytes()]
    assert b"pg_dump" in arguments
    assert password.encode() not in arguments
    assert leaking == []
    assert password not in up.printed + done.out + done.err


def test_a_waiting_client_can_leave_while_the_service_goes_on(
    terminal: Any, busy: tuple[Any, str], eventually: Eventually
) -> None:
    up, _ = busy
    project = up.http.get("/v1/projects").json()["items"][0]["id"]
    remote = {"HOLDFAST_URL": str(up.http.base_url), "HOLDFAST_API_KEY": up.key}
    create = ("backups", "create", "--project", project, "--compression", "bzip2", "--wait")
    process = terminal.start(*create, **remote)
    mine = eventually(lambda: _second(up))

    process.send_signal(signal.SIGINT)
    done = terminal.finish(process)

    assert done.code == 130
    assert "The service goes on with it" in done.err
    assert up.show(mine)["status"] in {"pending", "in-progress"}


def _second(up: Any) -> str:
    """Return the newest of two backups, once it is at work."""
    items = up.http.get("/v1/backups").json()["items"]
    at_work = len(items) == 2 and items[0]["status"] == "in-progress"
    return str(items[0]["id"]) if at_work else ""
