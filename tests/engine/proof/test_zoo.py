"""Every class of objects survives dump and restore, on every major that this machine can start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chalicelib.domain.backup import BackupOptions, Format
from chalicelib.domain.connection import Connection
from chalicelib.domain.proof import Outcome, ProofLevel
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from tests.support import zoo
from tests.support.dumping import Dumper, restore
from tests.support.majors import MAJORS, programs_of
from tests.support.proving import Prover

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=MAJORS)
def server(request: pytest.FixtureRequest) -> Iterator[LocalPostgres]:
    """Start each major in turn; those that are not to be had are skipped aloud."""
    with LocalPostgres(programs_of(request.param), LocalSettings(durable=False)) as started:
        yield started


@pytest.fixture
def prover(place: Path, server: LocalPostgres) -> Prover:
    """Give an engine that prefers the programs of the same major."""
    return Prover(Dumper(place, client_dirs=(server.bin_dir,)))


@pytest.fixture
def animals(server: LocalPostgres, database: Callable[..., Connection]) -> Connection:
    """Give a database with an object of every class."""
    connection = database(server)
    zoo.build(connection)
    return connection


@pytest.mark.parametrize("level", ProofLevel)
def test_every_class_of_objects_survives_a_restore(
    server: LocalPostgres, animals: Connection, prover: Prover, level: ProofLevel
) -> None:
    prover.dumper.reads_twice = level is ProofLevel.STRICT
    dumped = prover.dumper.dump(animals)

    report = prover.prove(dumped, level=level, blocks=prover.blocks(dumped))

    assert report.outcome is Outcome.EQUAL, report.sentence
    assert report.scratch_version == server.version
    assert report.compared.definitions > 70
    assert {gap.what for gap in report.unproven} == {
        "generated columns of zoo.animals",
        "rows of table zoo.legs",
        "rows of table zoo.there",
        "rows of table zoo.unread",
    }


def test_a_stock_restore_dumps_the_same_again(
    server: LocalPostgres,
    animals: Connection,
    database: Callable[..., Connection],
    prover: Prover,
) -> None:
    first = prover.dumper.dump(animals, BackupOptions(format=Format.PLAIN))
    copy = database(server)

    restore(first, copy, server.bin_dir)

    second = prover.dumper.dump(copy, BackupOptions(format=Format.PLAIN))
    assert prover.normalised(first) == prover.normalised(second)
