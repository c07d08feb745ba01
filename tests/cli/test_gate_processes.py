"""`holdfast gate` as a process, over real PostgreSQL: signals, deaths, locks and broken dumps."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib.engine.server_programs import find_servers

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

CREATES = "import os, pathlib; pathlib.Path('ran').write_text(str(os.getpid()))"
LASTS = f"{CREATES}; import signal; signal.pause()"
MINDS = f"""
import pathlib, signal, sys

def end(number, frame):
    pathlib.Path("heard").write_text(str(number))
    sys.exit(42)

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, end)
{LASTS}
"""


@pytest.fixture
def project(terminal: Any, shop_url: str) -> str:
    done = terminal.run("projects", "create", "env:SHOP", "--name", "shop", "--json", SHOP=shop_url)
    assert done.code == 0, done.err
    return str(done.json["id"])


@pytest.fixture
def start(terminal: Any, project: str) -> Callable[..., Any]:
    """Start a gate before a script, with options of the gate and variables."""

    def started(script: str, *options: str, **extra: str) -> Any:
        command = ("--", sys.executable, "-c", script)
        return terminal.start("gate", "--project", project, *options, *command, **extra)

    return started


def backups(terminal: Any) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = terminal.run("backups", "list", "--json").json["items"]
    return listed


def has_run(terminal: Any) -> bool:
    return bool((terminal.folder / "ran").exists())


def migrates(terminal: Any, start: Callable[..., Any], eventually: Callable[..., Any]) -> Any:
    """Return a gate whose command has begun and waits for signals."""
    gate = start(MINDS)
    eventually(lambda: has_run(terminal), 60)
    return gate


def test_a_real_dump_is_verified_held_and_then_the_command_runs(
    terminal: Any, start: Callable[..., Any]
) -> None:
    done = terminal.finish(start(CREATES))

    (backup,) = backups(terminal)
    assert (done.code, has_run(terminal)) == (0, True)
    assert (backup["gate"]["verdict"], backup["validated"]) == ("pass", True)
    assert terminal.run("backups", "delete", backup["id"], "--yes").code == 1


def test_the_rollback_that_was_printed_brings_the_rows_back(
    terminal: Any, start: Callable[..., Any], shop_url: str
) -> None:
    done = terminal.finish(start(CREATES))
    with psycopg.connect(shop_url, autocommit=True) as session:
        before = session.execute("SELECT count(*) FROM shop.products").fetchone()
        session.execute("TRUNCATE shop.products CASCADE")
    (line,) = [line for line in done.err.splitlines() if line.startswith("rollback: ")]

    undone = terminal.run(*line.removeprefix("rollback: holdfast ").split())

    assert undone.code == 0, undone.err
    with psycopg.connect(shop_url) as session:
        assert session.execute("SELECT count(*) FROM shop.products").fetchone() == before


def test_two_gates_at_once_have_a_backup_each(terminal: Any, start: Callable[..., Any]) -> None:
    gates = [start(CREATES), start(CREATES)]

    ended = [terminal.finish(gate) for gate in gates]

    assert [done.code for done in ended] == [0, 0], [done.err for done in ended]
    assert [backup["gate"]["verdict"] for backup in backups(terminal)] == ["pass", "pass"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_gate_reaches_the_command(
    terminal: Any, start: Callable[..., Any], eventually: Callable[..., Any], number: signal.Signals
) -> None:
    gate = migrates(terminal, start, eventually)

    gate.send_signal(number)

    assert terminal.finish(gate).code == 42
    assert (terminal.folder / "heard").read_text() == str(int(number))


def test_a_command_that_is_killed_ends_the_gate_with_its_signal(
    terminal: Any, start: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    gate = migrates(terminal, start, eventually)

    os.kill(int((terminal.folder / "ran").read_text()), signal.SIGKILL)

    done = terminal.finish(gate)
    assert done.code == 137
    assert "the migration ended with 137; rollback: holdfast restore " in done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_gate_that_is_stopped_while_it_waits_starts_nothing(
    terminal: Any,
    start: Callable[..., Any],
    dump_waits: Callable[[], None],
    eventually: Callable[..., Any],
    number: signal.Signals,
) -> None:
    gate = start(CREATES)
    eventually(lambda: backups(terminal), 60)
    dump_waits()

    gate.send_signal(number)

    assert terminal.finish(gate).code == 130
    assert not has_run(terminal)
    assert {backup["status"] for backup in backups(terminal)} <= {"cancelled", "failed"}


def test_a_gate_that_is_killed_while_it_waits_starts_nothing(
    terminal: Any,
    start: Callable[..., Any],
    dump_waits: Callable[[], None],
    eventually: Callable[..., Any],
) -> None:
    gate = start(CREATES)
    eventually(lambda: backups(terminal), 60)
    dump_waits()

    gate.kill()

    assert terminal.finish(gate).code == -signal.SIGKILL
    assert not has_run(terminal)


def test_a_lock_is_named_by_the_preflight_and_outlasts_the_gates_time(
    terminal: Any, start: Callable[..., Any], locked_shop: psycopg.Connection[Any]
) -> None:
    done = terminal.finish(start(CREATES, "--timeout", "8s"))

    pid = locked_shop.info.backend_pid
    assert (done.code, has_run(terminal)) == (1, False)
    assert f"preflight: pid {pid} (" in done.err
    assert "holds an exclusive lock on shop.products, which the dump will wait for" in done.err
    assert "there is no verified backup after 8 s" in done.err


def test_a_dump_that_waits_too_long_for_a_lock_stops_the_command(
    terminal: Any, start: Callable[..., Any], locked_shop: psycopg.Connection[Any]
) -> None:
    done = terminal.finish(start(CREATES, HOLDFAST_LOCK_TIMEOUT_S="1"))

    assert not locked_shop.closed
    assert (done.code, has_run(terminal)) == (1, False)


@pytest.fixture
def spoilt(tmp_path: Path) -> Callable[[str], str]:
    """Make client programs whose pg_dump does something else with what it reads."""
    real = next(found for found in find_servers() if found.major == 18).bin_dir

    def made(body: str) -> str:
        folder = tmp_path / "spoilt"
        folder.mkdir()
        dump = f'#!/bin/sh\ncase "$*" in *--version*) exec {real}/pg_dump "$@";; esac\n{body}\n'
        restore = f'#!/bin/sh\nexec {real}/pg_restore "$@"\n'
        for name, script in (("pg_dump", dump), ("pg_restore", restore)):
            path = folder / name
            path.write_text(script.replace("REAL", f"{real}/pg_dump"))
            path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        return str(folder)

    return made


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('REAL "$@"; exit 3', 1),
        ('REAL "$@" 2>/dev/null | head -c 9000; exit 0', 3),
        ("exit 0", 3),
    ],
)
def test_a_broken_dump_stops_the_command(
    terminal: Any,
    start: Callable[..., Any],
    spoilt: Callable[[str], str],
    body: str,
    code: int,
) -> None:
    done = terminal.finish(start(CREATES, HOLDFAST_CLIENT_DIRS=spoilt(body)))

    assert (done.code, has_run(terminal)) == (code, False), done.err
    assert {backup["status"] for backup in backups(terminal)} == {"failed"}


# over HTTP, with a service that can go away


@pytest.fixture
def remote(start_up: Callable[..., Any], shop_url: str, terminal: Any) -> tuple[Any, list[str]]:
    """Give a service that runs, and the words that start a gate there."""
    up = start_up()
    project = up.http.post("/v1/projects", json={"url": shop_url}).json()["id"]
    terminal.environment |= {"HOLDFAST_URL": str(up.http.base_url), "HOLDFAST_API_KEY": up.key}
    return up, ["gate", "--project", project]


def asked(up: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = up.http.get("/v1/backups").json()["items"]
    return found


def begun(up: Any) -> bool:
    """Tell whether the backup's dump has begun: the estimate before it waits for locks as well."""
    return [backup["step"] for backup in asked(up)] == ["dump"]


COMMAND = ("--", sys.executable, "-c", CREATES)


def test_a_running_service_makes_the_backup(terminal: Any, remote: tuple[Any, list[str]]) -> None:
    done = terminal.run(*remote[1], *COMMAND)

    assert (done.code, has_run(terminal)) == (0, True), done.err


@pytest.fixture
def waiting(
    terminal: Any,
    remote: tuple[Any, list[str]],
    dump_waits: Callable[[], None],
    eventually: Callable[..., Any],
) -> tuple[Any, Any]:
    """Give the service, and a gate whose backup's dump waits for a lock."""
    up, words = remote
    gate = terminal.start(*words, *COMMAND)
    eventually(lambda: begun(up))
    dump_waits()
    return up, gate


def test_an_interrupted_gate_cancels_the_backup_at_the_service(
    terminal: Any, waiting: tuple[Any, Any], eventually: Callable[..., Any]
) -> None:
    up, gate = waiting

    gate.send_signal(signal.SIGINT)

    assert terminal.finish(gate).code == 130
    (backup,) = asked(up)
    eventually(lambda: up.show(backup["id"])["status"] == "cancelled")
    assert not has_run(terminal)


def test_a_record_that_is_deleted_meanwhile_stops_the_command(
    terminal: Any, waiting: tuple[Any, Any], eventually: Callable[..., Any]
) -> None:
    up, gate = waiting
    gate.send_signal(signal.SIGSTOP)
    (backup,) = asked(up)

    up.http.post(f"/v1/backups/{backup['id']}/cancel", json={}).raise_for_status()
    eventually(lambda: up.http.delete(f"/v1/backups/{backup['id']}").is_success)
    gate.send_signal(signal.SIGCONT)

    assert terminal.finish(gate).code == 1
    assert not has_run(terminal)


def test_a_service_that_dies_stops_the_command(
    terminal: Any,
    remote: tuple[Any, list[str]],
    locked_shop: psycopg.Connection[Any],
    eventually: Callable[..., Any],
) -> None:
    up, words = remote
    gate = terminal.start(*words, "--timeout", "12s", *COMMAND)
    eventually(lambda: begun(up))
    assert not locked_shop.closed

    up.process.kill()

    assert terminal.finish(gate).code == 1
    assert not has_run(terminal)
