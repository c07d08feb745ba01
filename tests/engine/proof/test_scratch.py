"""A scratch server is private, leaves nothing behind however it ends, and says what it lacks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import Cancelled, ScratchTooSmall, VersionUnsupported
from chalicelib.domain.facts import DatabaseFacts
from chalicelib.domain.proof import Assertion, Outcome, ProofLevel
from chalicelib.engine import scratch
from chalicelib.engine.scratch import ScratchServer, programs_for, require_room, room_needed
from chalicelib.engine.server_programs import ServerPrograms, find_servers
from tests.support.dumping import Canceller, Dumped
from tests.support.proving import Prover
from tests.support.waiting import await_that

pytestmark = pytest.mark.postgres

Left = Callable[[], list[Path]]

SLOW = (Assertion(name="slow", sql="SELECT pg_sleep(60) IS NULL"),)
WORKER = """
import sys, threading
from pathlib import Path
from chalicelib.engine.scratch import ScratchServer
from chalicelib.engine.server_programs import find_servers
server = ScratchServer(find_servers()[0], Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
threading.Event().wait(60)
"""


@pytest.mark.parametrize("programs", find_servers(), ids=lambda one: str(one.major))
def test_it_answers_on_its_socket_only_and_goes_without_a_trace(
    programs: ServerPrograms, place: Path, left: Left
) -> None:
    with ScratchServer(programs, place) as server:
        home = server.socket_dir.parent
        endpoint = server.connection().endpoint
        password = server.connection().password
        with psycopg.connect(
            host=endpoint.host, user=endpoint.user, password=password, dbname="postgres"
        ) as session:
            shown = session.execute("SHOW listen_addresses").fetchone()
        modes = {path.stat().st_mode & 0o077 for path in (home, server.password_file)}

    assert shown == ("",)
    assert modes == {0}
    assert not home.exists()
    assert not left()


def test_nothing_is_left_after_a_proof(shop18: Connection, prover: Prover, left: Left) -> None:
    dumped = prover.dumper.dump(shop18)

    prover.prove(dumped)

    assert not left()


@pytest.mark.parametrize("looks", [1, 4, 8])
def test_nothing_is_left_after_a_cancel(
    shop18: Connection, prover: Prover, left: Left, looks: int
) -> None:
    dumped = prover.dumper.dump(shop18)
    countdown = iter([False] * looks)

    with pytest.raises(Cancelled):
        prover.prove(dumped, watch=Canceller(lambda: next(countdown, True)), assertions=SLOW)

    assert not left()


def test_nothing_is_left_after_a_failure(shop18: Connection, prover: Prover, left: Left) -> None:
    dumped = prover.dumper.dump(shop18)
    cut = Dumped(dumped.plan, dumped.result, {"database.dump": dumped.main[:-40]})

    with pytest.raises(Exception, match="pg_restore cannot read the archive"):
        prover.prove(cut)

    assert not left()


def test_a_killed_worker_takes_the_server_along_and_the_next_one_sweeps(
    place: Path, left: Left
) -> None:
    argv = [sys.executable, "-c", WORKER, str(place)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        postmaster = int(worker.stdout.readline())
        os.kill(worker.pid, signal.SIGKILL)
    await_that(lambda: not Path(f"/proc/{postmaster}/cmdline").exists())
    assert len(left()) == 1

    scratch.sweep([place])

    assert not left()


def test_the_folder_of_a_living_server_is_not_swept(place: Path) -> None:
    with ScratchServer(find_servers()[0], place) as server:
        scratch.sweep([place])

        assert server.socket_dir.exists()


def test_too_little_room_is_told_with_the_figures(shop18: Connection, prover: Prover) -> None:
    dumped = prover.dumper.dump(shop18)
    facts = dumped.result.counts.facts
    assert isinstance(facts, DatabaseFacts)
    vast = facts.model_copy(update={"database_bytes": 1 << 60})
    counts = dumped.result.counts.model_copy(update={"facts": vast})

    report = prover.prove(dumped, counts=counts)

    assert report.outcome is Outcome.UNPROVEN
    assert "bytes of scratch" in report.sentence


def test_room_is_taken_from_the_best_figure_there_is() -> None:
    known = room_needed(1000, 10, 1)
    raw = room_needed(None, 1000, 1)
    stored = room_needed(None, None, 1000)

    assert known < raw < stored
    with pytest.raises(ScratchTooSmall, match="needs about 2 bytes of scratch and 1 are free"):
        require_room(2, 1, Path("/x"))


def test_the_server_is_of_the_source_s_major_or_the_next_above() -> None:
    found = [ServerPrograms(f"{major}.1", Path("/x")) for major in (18, 16, 15)]

    assert programs_for(found, 15, 15).major == 15
    assert programs_for(found, 15, 18).major == 18
    assert programs_for(found, 14, 14).major == 15
    with pytest.raises(VersionUnsupported, match="PostgreSQL 19"):
        programs_for(found, 19, 19)


def test_a_missing_extension_is_named_and_no_proof_is_claimed(
    shop18: Connection, prover: Prover
) -> None:
    dumped = prover.dumper.dump(shop18)
    facts = dumped.result.counts.facts
    assert isinstance(facts, DatabaseFacts)
    more = facts.model_copy(update={"extensions": {"pg_unheard_of": "1.0"}})
    counts = dumped.result.counts.model_copy(update={"facts": more})

    report = prover.prove(dumped, counts=counts)

    assert report.outcome is Outcome.UNPROVEN
    assert "pg_unheard_of" in report.sentence


def test_a_locale_that_is_not_here_is_told(shop18: Connection, prover: Prover) -> None:
    dumped = prover.dumper.dump(shop18)
    facts = dumped.result.counts.facts
    assert isinstance(facts, DatabaseFacts)
    locale = facts.locale.model_copy(update={"collate": "xx_YY.UTF-8", "ctype": "xx_YY.UTF-8"})
    far = facts.model_copy(update={"locale": locale})
    counts = dumped.result.counts.model_copy(update={"facts": far})

    report = prover.prove(dumped, counts=counts, level=ProofLevel.COUNTS)

    assert report.outcome is Outcome.EQUAL, report.sentence
    assert [gap.what for gap in report.unproven] == ["collation"]
