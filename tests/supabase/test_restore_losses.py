"""A restore whose sessions are lost goes on in new ones; one that cannot says what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import SourceError
from chalicelib.domain.progress import Progress
from chalicelib.domain.restore import RestoreOptions, RestoreReport, TargetState
from chalicelib.engine.restore.messages import MADE_BEFORE
from chalicelib.local.supabase.looks import looks
from chalicelib.local.supabase.stand_in import StandInOptions, SupabaseStandIn
from chalicelib.postgres_ports import RestoreRequest, RestoreSource
from tests.support.dumping import Bystander
from tests.support.proxy import Proxy
from tests.support.supabase import running_stand_in
from tests.support.supabase_restores import Restoring, backup_of, request_of

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name LIKE 'holdfast 01TESTRESTORE%'"
)
WORDS = (
    b"CREATE EXTENSION",
    b"GRANT report_team",
    b"CREATE TABLE public.profiles",
    b"COPY public.hens",
    b"COPY auth.users",
    b"COPY storage.objects",
    b"UPDATE storage.objects",
    b"CREATE POLICY",
    b"cron.schedule",
)
"""What is said once in each phase: by us, by pg_restore, in a COPY, at the end."""
OWNERS = "SELECT name, owner_id, created_at, user_metadata FROM storage.objects ORDER BY 1"
ENDED = b"C\0\0\0\x0bCOMMIT\0"
"""A server's word that a transaction is in."""


@dataclass
class Project:
    """Hold a backup, the project it is of, and one that is empty."""

    backup: RestoreSource
    source: SupabaseStandIn
    target: SupabaseStandIn


@dataclass
class AtEach:
    """Watch, and do something when one of these phases begins, once."""

    act: Callable[[], object]
    only: str | None = None
    seen: list[str] = field(default_factory=list)

    def check(self, progress: Progress | None = None) -> None:
        if progress is None or progress.phase in self.seen or progress.phase == "preflight":
            return
        self.seen.append(progress.phase)
        if self.only in {None, progress.phase}:
            self.act()


class Cutter(Proxy):
    """Cut all lines whenever `when` says so, of what a client says or of what a server answers."""

    def __init__(
        self,
        target: SupabaseStandIn,
        said: Callable[[bytes], bool],
        brought: Callable[[bytes], bool],
    ) -> None:
        super().__init__(("127.0.0.1", target.server.port))
        self._said = lambda data, _: said(data)
        self._brought = lambda data, _: brought(data)
        self.at_limit = self.cut_again
        self.cuts = 0

    def cut_again(self) -> None:
        self.cuts += 1
        self.cut()
        self.reached.clear()


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RestoreSource, SupabaseStandIn]]:
    """Back up one project, once."""
    with running_stand_in() as source:
        source.seed(users=3, files=4)
        yield backup_of(source, tmp_path_factory.mktemp("backup")), source


@pytest.fixture
def project(filled: tuple[RestoreSource, SupabaseStandIn]) -> Iterator[Project]:
    """Give the backup with a project that is empty, a new one for each test."""
    with running_stand_in(options=StandInOptions(ref="zyxwvutsrqponmlkjihg")) as target:
        yield Project(*filled, target)


def through(project: Project, port: int) -> RestoreRequest:
    """Return the request for a restore that reaches its target by another port."""
    request = request_of(project.backup, project.target)
    endpoint = request.connection.endpoint.model_copy(update={"port": port})
    return replace(request, connection=Connection(endpoint, request.connection.password))


def require_whole(project: Project, report: RestoreReport) -> None:
    assert report.errors == ()
    assert report.comparison is not None
    assert report.comparison.differences == ()
    assert looks(project.target) == looks(project.source)
    assert rows(project.target, OWNERS) == rows(project.source, OWNERS)


def rows(stand_in: SupabaseStandIn, question: str) -> list[tuple[object, ...]]:
    with stand_in.admin_session() as session:
        return session.execute(question.encode()).fetchall()


def test_sessions_that_end_at_every_phase_cost_nothing(project: Project, tmp_path: Path) -> None:
    watch = AtEach(lambda: rows(project.target, TERMINATE))
    restoring = Restoring(tmp_path)
    request = request_of(project.backup, project.target)

    report = restoring.restorer.restore(request, restoring.reached.append, watch)

    require_whole(project, report)
    assert len(watch.seen) == 11
    assert restoring.reached == [TargetState.PARTIAL, TargetState.RESTORED]


def test_statements_that_are_cut_off_are_said_again(project: Project, tmp_path: Path) -> None:
    left = list(WORDS)

    with Cutter(project.target, lambda data: taken(left, data), lambda _: False) as cutter:
        report = restored(project, tmp_path, cutter.port)

    require_whole(project, report)
    assert left == []
    assert cutter.cuts == len(WORDS)


def test_what_was_committed_without_an_answer_is_not_done_twice(
    project: Project, tmp_path: Path
) -> None:
    answers = 0

    def brought(data: bytes) -> bool:
        nonlocal answers
        answers += ENDED in data
        return ENDED in data and answers % 3 == 0

    with Cutter(project.target, lambda _: False, brought) as cutter:
        report = restored(project, tmp_path, cutter.port)

    require_whole(project, report)
    assert cutter.cuts >= 5


def test_what_pg_restore_had_made_when_it_was_cut_off_is_kept(
    project: Project, tmp_path: Path
) -> None:
    cuts = iter([True])

    def said(data: bytes) -> bool:
        return b"CREATE TABLE public.profiles" in data and next(cuts, False)

    with Cutter(project.target, said, lambda _: False) as cutter:
        report = restored(project, tmp_path, cutter.port)

    kept = [note.what for note in report.ignored if note.advice == MADE_BEFORE]
    assert "TABLE ledger postgres" in kept


def test_several_sessions_of_pg_restore_are_lost_like_one(project: Project, tmp_path: Path) -> None:
    left = [b"CREATE TABLE public.profiles", b"ADD CONSTRAINT", b"CREATE POLICY", b"CREATE TRIGGER"]
    path = tmp_path / "database.dump"
    path.write_bytes(b"".join(project.backup.main.open()))
    main = replace(project.backup.main, path=path)
    project.backup = replace(project.backup, main=main)

    with Cutter(project.target, lambda data: taken(left, data), lambda _: False) as cutter:
        report = restored(project, tmp_path, cutter.port, RestoreOptions(jobs=2))

    require_whole(project, report)
    assert left == []


@pytest.mark.parametrize("phase", ["roles", "rows", "files", "indexes and rights", "compare"])
def test_a_target_that_stays_away_is_told_with_what_it_holds(
    project: Project, tmp_path: Path, phase: str
) -> None:
    restoring = Restoring(tmp_path)
    with Proxy(("127.0.0.1", project.target.server.port)) as proxy:
        watch = AtEach(proxy.refuse, only=phase)

        with pytest.raises(SourceError) as caught:
            restoring.restorer.restore(
                through(project, proxy.port), restoring.reached.append, watch
            )

    assert f"at the phase {phase}" in caught.value.message
    assert "new project" in caught.value.hint
    assert all(before in caught.value.hint for before in watch.seen[:-1] if phase != "compare")
    assert sum(restoring.pauses) >= 20
    assert list((tmp_path / "scratch").iterdir()) == []


def taken(left: list[bytes], data: bytes) -> bool:
    """Tell whether one of the words is said, and take it off the list."""
    found = next((word for word in left if word in data), None)
    if found is not None:
        left.remove(found)
    return found is not None


def restored(
    project: Project, folder: Path, port: int, options: RestoreOptions | None = None
) -> RestoreReport:
    restoring = Restoring(folder)
    request = replace(through(project, port), options=options or RestoreOptions())
    return restoring.restorer.restore(request, restoring.reached.append, Bystander())
