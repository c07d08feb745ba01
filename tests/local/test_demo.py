from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from chalicelib.domain.connection import Connection
from chalicelib.local.postgres import LocalPostgres
from chalicelib.local.sample_data import load


def _demo(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chalicelib.cli.main", "demo", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.postgres
def test_the_demo_ends_with_all_equal_and_leaves_nothing(tmp_path: Path) -> None:
    done = _demo(tmp_path, "--rows-mb", "5", "--data", "work", "--json")

    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert (report["equal"], report["different"]) == (True, [])
    assert report["rows"] > 20_000
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.slow
@pytest.mark.postgres
def test_the_demo_shows_a_proof_the_contents_and_one_table_restored(tmp_path: Path) -> None:
    done = _demo(tmp_path, "--rows-mb", "2", "--data", "work")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "proof: equal" in done.stdout
    assert "products" in one_line(done.stdout, "  shop: ")
    alone = "restored shop.orders alone into shop_one_table: equal"
    assert one_line(done.stdout, "restored shop") == alone


@pytest.mark.slow
@pytest.mark.postgres
def test_a_database_of_ones_own_can_be_the_source(
    tmp_path: Path, database: Callable[..., Connection], postgres15: LocalPostgres
) -> None:
    url = postgres15.url(database(postgres15).endpoint.database)
    with psycopg.connect(url, autocommit=True) as session:
        load(session, 1)

    done = _demo(tmp_path, "--data", "work", "--keep", DATABASE_URL=url)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "the source is DATABASE_URL" in done.stdout
    assert "proof: equal" in done.stdout
    assert '"."' in one_line(done.stdout, "alone")
    assert "all is equal" in done.stdout
    assert list((tmp_path / "work").glob("*/downloaded.dump")) != []


def one_line(text: str, start: str) -> str:
    (found,) = [line for line in text.splitlines() if start in line and "  equal" not in line]
    return found


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder that the account of the server can pass through, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.slow
@pytest.mark.postgres
def test_an_interrupted_demo_leaves_nothing(temporary: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "chalicelib.cli.main", "demo", "--rows-mb", "200"],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    started = process.stdout.readline()

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert "runs on port" in started
    assert (process.returncode, errors.startswith("error: interrupted")) == (130, True)
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@pytest.mark.postgres
def test_the_demo_of_a_project_ends_with_all_equal_and_leaves_nothing(tmp_path: Path) -> None:
    done = _demo(tmp_path, "--supabase", "--data", "work")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "all is equal"
    assert "verification proof" in done.stdout
    assert "equal: users, 100 rows" in done.stdout
    assert "DIFFERENT" not in done.stdout
    assert list((tmp_path / "work").iterdir()) == []
