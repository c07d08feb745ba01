"""`holdfast gate` over HTTP: what it asks for, what lets the command run and what does not.

The service is real, its worker is a thread whose engine is scripted; commands are real processes.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.backup import Backup
from chalicelib.domain.errors import DumpFailed
from chalicelib.domain.proof import Outcome
from chalicelib.domain.record import Query, Replace
from chalicelib.postgres_ports import Watch

Gated = Callable[..., Any]
GATE = ("gate", "--migration", "0042", "--project")
WRITES = "import os, sys; open('ran', 'a').write(' '.join(sys.argv[1:]) + '\\n')"


def migrating(*words: str, script: str = WRITES) -> tuple[str, ...]:
    """Return a command line whose program writes down that it ran, and with which words."""
    return ("--", sys.executable, "-c", script, *words)


def ran() -> list[str]:
    """Return what migrations wrote into the folder that the command line works in."""
    return Path("ran").read_text().splitlines() if Path("ran").exists() else []


def backups(served: Any) -> tuple[Backup, ...]:
    found: tuple[Backup, ...] = served.services.adapters.catalog.find(Query(Backup)).items
    return found


@pytest.fixture
def remote_gate(remote: Any, remote_project: str) -> Gated:
    """Run a migration behind the gate, with options of the gate."""
    return lambda *options: remote.run(*GATE, remote_project, *options, *migrating())


def dump_breaks(watch: Watch) -> None:
    raise DumpFailed("pg_dump ended with 1")


def test_a_verified_backup_lets_the_command_run_once(
    remote: Any, remote_project: str, served: Any
) -> None:
    done = remote.run(*GATE, remote_project, *migrating("up", "--json", "a b", "--"))

    (backup,) = backups(served)
    assert (done.code, ran()) == (0, ["up --json a b --"])
    assert (backup.trigger, backup.migration_id, backup.validated) == (
        "pre-migration",
        "0042",
        True,
    )
    assert f"backup {backup.id} is verified (archive), held until " in done.err


def test_the_rollback_is_one_line_that_names_backup_and_target(
    remote: Any, remote_project: str, served: Any
) -> None:
    done = remote.run(*GATE, remote_project, *migrating())

    (line,) = [line for line in done.err.splitlines() if line.startswith("rollback: ")]
    assert line == (
        f"rollback: holdfast restore {backups(served)[0].id} project:{remote_project}"
        " --clean --confirm h/shop"
    )


def test_the_preflight_is_told_before_the_backup_begins(remote: Any, remote_project: str) -> None:
    done = remote.run(*GATE, remote_project, *migrating())

    lines = done.err.splitlines()
    assert lines[0].startswith("preflight: 2 tables of 100 B, about 5.0 s (size at 20 MB/s")
    assert lines[1] == "preflight: nobody holds a lock that a dump waits for"


def test_json_is_one_document_before_the_command_begins(
    remote: Any, remote_project: str, served: Any
) -> None:
    done = remote.run(*GATE, remote_project, "--json", *migrating())

    assert done.json["backup_id"] == backups(served)[0].id
    assert done.json["estimate"]["expected"]["seconds"] > 0
    assert done.json["rollback"].startswith("holdfast restore ")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("raise SystemExit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143),
    ],
)
def test_the_exit_code_is_the_commands(
    remote: Any, remote_project: str, script: str, code: int
) -> None:
    done = remote.run(*GATE, remote_project, *migrating(script=script))

    assert done.code == code
    assert f"the migration ended with {code}; rollback: holdfast restore " in done.err


def test_the_command_gets_our_environment_and_the_backups_id(
    remote: Any, remote_project: str, served: Any
) -> None:
    script = "import os; open('ran', 'w').write(os.environ['HOLDFAST_BACKUP_ID'] + os.environ['X'])"

    remote.run(*GATE, remote_project, *migrating(script=script), X="-x")

    assert ran() == [f"{backups(served)[0].id}-x"]


def test_nothing_of_the_command_is_read_by_a_shell(remote: Any, remote_project: str) -> None:
    remote.run(*GATE, remote_project, *migrating("$(touch owned)", "; touch owned", "*"))

    assert ran() == ["$(touch owned) ; touch owned *"]
    assert not Path("owned").exists()


@pytest.mark.parametrize("variable", ["GITHUB_SHA", "CI_COMMIT_SHA"])
def test_the_commit_of_the_pipeline_becomes_a_tag(
    remote: Any, remote_project: str, served: Any, variable: str
) -> None:
    remote.run(*GATE, remote_project, "--tag", "by=ci", *migrating(), **{variable: "4f2d9c1"})

    assert backups(served)[0].tags == {"git": "4f2d9c1", "by": "ci"}


def test_a_tag_that_is_given_wins_over_the_pipelines(
    remote: Any, remote_project: str, served: Any
) -> None:
    remote.run(*GATE, remote_project, "--tag", "git=mine", *migrating(), GITHUB_SHA="4f2d9c1")

    assert backups(served)[0].tags == {"git": "mine"}


def test_every_run_makes_a_backup_of_its_own(remote: Any, remote_project: str, served: Any) -> None:
    for _ in range(2):
        remote.run(*GATE, remote_project, *migrating())

    assert (len(backups(served)), len(ran())) == (2, 2)


def test_a_repeated_key_takes_the_backup_of_the_first_run(
    remote: Any, remote_project: str, served: Any
) -> None:
    for _ in range(2):
        remote.run(*GATE, remote_project, "--idempotency-key", "deploy-9", *migrating())

    assert (len(backups(served)), len(ran())) == (1, 2)


# what refuses


def a_broken_dump(served: Any) -> None:
    served.engine.during = dump_breaks


def a_proof_that_differs(served: Any) -> None:
    served.engine.outcome = Outcome.DIFFERENT


def a_proof_that_cannot_be_made(served: Any) -> None:
    served.engine.outcome = Outcome.UNPROVEN


@pytest.mark.parametrize(
    ("happens", "options", "told"),
    [
        (a_broken_dump, (), (1, "pg_dump ended with 1")),
        (a_proof_that_differs, ("--proof",), (3, "is 41, expected 42")),
        (a_proof_that_cannot_be_made, ("--proof",), (3, "no server programs")),
    ],
)
def test_without_a_verified_backup_the_command_does_not_run(
    remote_gate: Gated,
    served: Any,
    happens: Callable[[Any], None],
    options: tuple[str, ...],
    told: tuple[int, str],
) -> None:
    happens(served)

    done = remote_gate(*options)

    assert (done.code, ran()) == (told[0], [])
    assert told[1] in done.err


def test_a_proof_that_was_made_lets_the_command_run(remote: Any, remote_project: str) -> None:
    done = remote.run(*GATE, remote_project, "--proof", *migrating())

    assert (done.code, len(ran())) == (0, 1)
    assert "is verified (proof)" in done.err


def cancel_each(served: Any) -> Callable[[Watch], None]:
    def cancel(watch: Watch) -> None:
        served.services.backups.cancel("somebody", backups(served)[0].id)
        threading.Event().wait(1.1)  # the worker looks once a second
        watch.check()

    return cancel


def test_a_backup_that_somebody_cancels_stops_the_command(
    remote: Any, remote_project: str, served: Any
) -> None:
    served.engine.during = cancel_each(served)

    done = remote.run(*GATE, remote_project, *migrating())

    assert (done.code, ran()) == (130, [])
    assert "was cancelled" in done.err


def hang(watch: Watch) -> None:
    while True:
        watch.check()
        threading.Event().wait(0.05)


def test_a_backup_that_is_late_is_cancelled_and_stops_the_command(
    remote: Any, remote_project: str, served: Any
) -> None:
    served.engine.during = hang

    done = remote.run(*GATE, remote_project, "--timeout", "1s", *migrating())

    assert (done.code, ran()) == (1, [])
    assert "no verified backup after 1 s" in done.err


def age(served: Any, backup: Backup, by: timedelta) -> None:
    assert backup.completed_at is not None
    older = backup.model_copy(update={"completed_at": backup.completed_at - by})
    served.services.adapters.catalog.commit([Replace(older)])


def test_a_key_whose_backup_is_old_is_refused(
    remote: Any, remote_project: str, served: Any
) -> None:
    words = [*GATE, remote_project, "--idempotency-key", "deploy-9", *migrating()]
    remote.run(*words)
    (backup,) = backups(served)
    age(served, backup, timedelta(hours=2))

    done = remote.run(*words)

    assert (done.code, len(ran())) == (1, 1)
    assert "more than 1:00:00 ago" in done.err


@pytest.mark.parametrize("words", [("--timeout", "0"), ("--timeout", "soon"), ("--timeout", "-5s")])
def test_a_time_that_is_none_is_wrong_usage(
    remote: Any, remote_project: str, words: tuple[str, ...]
) -> None:
    done = remote.run(*GATE, remote_project, *words, *migrating())

    assert (done.code, ran()) == (2, [])


@pytest.mark.parametrize("program", ["no-such-program", "./no/such/file", "."])
def test_a_command_that_is_not_there_is_refused_before_any_backup(
    remote: Any, remote_project: str, served: Any, program: str
) -> None:
    done = remote.run(*GATE, remote_project, "--", program)

    assert done.code == 2
    assert backups(served) == ()


def test_a_gate_without_a_command_is_wrong_usage(remote: Any, remote_project: str) -> None:
    assert remote.run(*GATE, remote_project).code == 2


def test_an_unknown_project_stops_the_command(remote: Any) -> None:
    done = remote.run(*GATE, "01JD0000000000000000000000", *migrating())

    assert (done.code, ran()) == (1, [])


@pytest.mark.parametrize("project", ["../keys", "", "a b"])
def test_what_is_no_id_is_wrong_usage(remote: Any, project: str) -> None:
    assert remote.run(*GATE, project, *migrating()).code == 2


def test_a_service_that_is_not_there_stops_the_command(remote: Any, remote_project: str) -> None:
    done = remote.run(*GATE, remote_project, *migrating(), HOLDFAST_URL="http://127.0.0.1:1")

    assert (done.code, ran()) == (1, [])


def test_a_viewers_key_stops_the_command(remote: Any, remote_project: str, served: Any) -> None:
    key = served.key("viewer")

    done = remote.run(*GATE, remote_project, *migrating(), HOLDFAST_API_KEY=key)

    assert (done.code, ran()) == (1, [])
    assert key not in done.out + done.err


def test_words_of_the_command_do_not_change_how_a_refusal_is_told(
    remote: Any, remote_project: str, served: Any
) -> None:
    served.engine.during = dump_breaks

    done = remote.run(*GATE, remote_project, *migrating("--json", "--debug"))

    assert done.out == ""
    assert re.search(r"^error: backup \w+: pg_dump ended with 1$", done.err, re.MULTILINE)


def test_json_tells_a_refusal_as_a_document(remote: Any, remote_project: str, served: Any) -> None:
    served.engine.during = dump_breaks

    done = remote.run(*GATE, remote_project, "--json", *migrating())

    assert json.loads(done.out)["error"]["code"] == "dump_failed"
    assert ran() == []
