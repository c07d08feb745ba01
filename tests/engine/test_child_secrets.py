"""Nothing of ours reaches pg_dump but what it needs, and never the password."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from chalicelib.domain.backup import BackupOptions, Compression
from chalicelib.domain.connection import Connection
from tests.support.dumping import Dumper, execute

pytestmark = pytest.mark.postgres

BIG_TABLE = "CREATE TABLE big AS SELECT repeat('x', 300) FROM generate_series(1, 60000)"
ALLOWED = {
    "PATH",
    "LANG",
    "HOME",
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGUSER",
    "PGDATABASE",
    "PGPASSFILE",
    "PGSSLMODE",
    "PGCONNECT_TIMEOUT",
    "PGAPPNAME",
    "PGSERVICEFILE",
    "PGSYSCONFDIR",
}


class Spy:
    """Look at the running pg_dump through procfs."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.argv: list[str] = []
        self.environment: dict[str, str] = {}
        self.descriptors: list[str] = []
        self.ours: list[str] = []
        self.password_mode = 0
        self.files: list[Path] = []

    def look(self) -> None:
        [folder] = [
            entry
            for entry in Path("/proc").glob("[0-9]*")
            if _parent(entry) == os.getpid() and (entry / "comm").read_text().strip() == "pg_dump"
        ]
        self.argv = (folder / "cmdline").read_text().split("\0")[:-1]
        pairs = (folder / "environ").read_text().split("\0")[:-1]
        self.environment = dict(pair.split("=", 1) for pair in pairs)
        self.descriptors = _open_files(folder)
        self.ours = _open_files(Path("/proc/self"))
        self.password_mode = stat.S_IMODE(Path(self.environment["PGPASSFILE"]).stat().st_mode)
        self.files = list(self.scratch.rglob("*"))


@pytest.fixture
def spy(source18: Connection, dumper: Dumper) -> Spy:
    """Give what was seen of pg_dump while it ran."""
    execute(source18, BIG_TABLE)
    spy = Spy(dumper.scratch)
    dumper.on_first_bytes = spy.look
    dumper.dump(source18, BackupOptions(compression=Compression.NONE))
    return spy


def test_the_environment_is_spelled_out(spy: Spy) -> None:
    assert set(spy.environment) == ALLOWED
    assert spy.environment["PGHOSTADDR"] == "127.0.0.1"


def test_the_password_is_in_no_argument_and_no_variable(spy: Spy, source18: Connection) -> None:
    seen = "\n".join([*spy.argv, *spy.environment.values()])

    assert source18.password
    assert source18.password not in seen


def test_all_arguments_are_options(spy: Spy) -> None:
    assert spy.argv[0].startswith("/")
    assert all(argument.startswith("--") for argument in spy.argv[1:])


def test_the_password_file_is_closed_to_others_and_never_on_a_disk(spy: Spy) -> None:
    assert (spy.password_mode, spy.files) == (0o600, [])
    assert not Path(spy.environment["PGPASSFILE"]).exists()


def test_of_our_descriptors_it_has_its_two_pipes_only(spy: Spy) -> None:
    shared = set(spy.descriptors) & set(spy.ours)

    assert len([name for name in shared if name.startswith("pipe:")]) == 2
    assert all(name.startswith("pipe:") or name == "/dev/null" for name in shared)


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _open_files(folder: Path) -> list[str]:
    found = []
    for link in (folder / "fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists this folder
            found.append(str(link.readlink()))
    return found
