from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

Eventually = Callable[..., Any]


def test_the_first_start_prints_a_key_that_works_and_only_the_first(
    terminal: Any, start_up: Callable[..., Any]
) -> None:
    first = start_up()
    works = first.http.get("/v1/keys").status_code
    first.process.terminate()
    terminal.finish(first.process)
    second = start_up(first.key)
    second.process.terminate()

    told = second.printed + terminal.finish(second.process).out

    assert works == 200
    assert len(re.findall(r"hf_\w+", first.printed)) == 1
    assert "hf_" not in told


def test_a_second_up_is_refused_and_names_the_first(
    terminal: Any, start_up: Callable[..., Any]
) -> None:
    first = start_up()

    second = terminal.run("up", "--port", "0")

    assert second.code == 1
    assert f"in use by process {first.process.pid}" in second.err


def test_a_taken_port_is_a_clear_failure(terminal: Any, start_up: Callable[..., Any]) -> None:
    port = str(start_up().http.base_url.port)

    second = terminal.run("up", "--port", port, "--data", "other")

    assert second.code == 1
    assert f"port {port}" in second.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order_with_no_run_left_open(
    terminal: Any,
    start_up: Callable[..., Any],
    shop_url: str,
    dump_waits: Callable[[], None],
    number: signal.Signals,
) -> None:
    up = start_up()
    backup_id = up.backup(shop_url)
    dump_waits()
    workers = up.workers

    up.process.send_signal(number)
    done = terminal.finish(up.process)
    shown = terminal.run("backups", "show", backup_id, "--json").json

    assert done.code == 0
    assert not any(worker.is_alive for worker in workers)
    assert (shown["status"], shown["error"]["code"]) == ("failed", "worker_lost")


def test_after_kill_9_of_up_the_next_one_settles_what_it_left(
    terminal: Any,
    start_up: Callable[..., Any],
    shop_url: str,
    dump_waits: Callable[[], None],
    eventually: Eventually,
) -> None:
    first = start_up()
    backup_id = first.backup(shop_url)
    dump_waits()
    workers = eventually(lambda: len(first.workers) > 1 and first.workers)

    first.process.kill()
    eventually(lambda: not any(worker.is_alive for worker in workers))
    second = start_up(first.key)
    shown = second.show(backup_id)

    assert (shown["status"], shown["error"]["code"]) == ("failed", "worker_lost")
    assert terminal.objects() == []


def test_a_killed_worker_fails_its_backup_at_once(
    terminal: Any,
    start_up: Callable[..., Any],
    shop_url: str,
    dump_waits: Callable[[], None],
    eventually: Eventually,
) -> None:
    up = start_up()
    backup_id = up.backup(shop_url)
    dump_waits()

    os.kill(up.workers[0].pid, signal.SIGKILL)
    shown = eventually(lambda: (s := up.show(backup_id))["status"] != "in-progress" and s)

    assert (shown["status"], shown["error"]["code"]) == ("failed", "worker_lost")
    assert eventually(lambda: not up.workers)
    assert terminal.objects() == []


def test_a_cancel_takes_effect_within_two_seconds(
    terminal: Any,
    start_up: Callable[..., Any],
    shop_url: str,
    dump_waits: Callable[[], None],
    eventually: Eventually,
) -> None:
    up = start_up()
    backup_id = up.backup(shop_url)
    dump_waits()
    begun = time.monotonic()

    up.http.post(f"/v1/backups/{backup_id}/cancel", json={})
    eventually(lambda: up.show(backup_id)["status"] == "cancelled")

    assert time.monotonic() - begun < 2.0
    assert eventually(lambda: not up.workers)
    assert terminal.objects() == []


def test_the_command_line_watches_while_up_works(
    terminal: Any, start_up: Callable[..., Any], shop_url: str
) -> None:
    up = start_up()
    project = terminal.run("projects", "create", shop_url, "--json").json

    done = terminal.run("backups", "create", "--project", project["id"], "--wait", "--json")

    assert done.json["status"] == "completed"
    assert up.show(done.json["id"])["validated"] is True


def test_commands_reach_a_service_by_url_and_key(
    terminal: Any, start_up: Callable[..., Any], shop_url: str
) -> None:
    up = start_up()
    remote = {
        "HOLDFAST_URL": str(up.http.base_url),
        "HOLDFAST_API_KEY": up.key,
        "HOLDFAST_DATA": "unused",
    }

    project = terminal.run("projects", "create", shop_url, "--json", **remote).json
    backup = terminal.run(
        "backups", "create", "--project", project["id"], "--wait", "--json", **remote
    ).json
    done = terminal.run("backups", "download", backup["id"], "-o", "shop.dump", "--json", **remote)

    assert done.json["sha256"] == backup["checksum"]["value"]
    assert terminal.files() == {"shop.dump"}


def test_a_schedule_fires_within_its_minute(
    start_up: Callable[..., Any], shop_url: str, eventually: Eventually
) -> None:
    up = start_up()
    project = up.http.post("/v1/projects", json={"url": shop_url}).json()
    body = {"name": "often", "cron": "* * * * *", "project_id": project["id"]}
    schedule = up.http.post("/v1/schedules", json=body).json()

    def made() -> Any:
        query = {"schedule": schedule["id"], "status": "completed"}
        return up.http.get("/v1/backups", params=query).json()["items"]

    backup = eventually(made, 90.0)[-1]

    expected, created = (
        datetime.fromisoformat(backup[name]) for name in ("expected_at", "created_at")
    )
    assert (backup["trigger"], expected.second) == ("scheduled", 0)
    assert timedelta(0) <= created - expected < timedelta(minutes=1)
