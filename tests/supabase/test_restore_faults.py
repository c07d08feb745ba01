"""A restore into a project that is stopped ends at once and says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.domain.backup import Component
from chalicelib.domain.errors import Cancelled
from chalicelib.domain.progress import Progress
from chalicelib.domain.restore import TargetState
from chalicelib.local.supabase.stand_in import StandInOptions, SupabaseStandIn
from chalicelib.postgres_ports import RestoreSource
from tests.support.supabase import running_stand_in
from tests.support.supabase_restores import Restoring, backup_of, request_of

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

OURS = "FROM pg_stat_activity WHERE application_name LIKE 'holdfast 01TESTRESTORE%'"


@dataclass(frozen=True)
class At:
    """Watch, and do something when a phase begins."""

    phase: str
    act: Callable[[], None]

    def check(self, progress: Progress | None = None) -> None:
        if progress is not None and progress.phase == self.phase:
            self.act()


@pytest.fixture(scope="module")
def projects(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RestoreSource, SupabaseStandIn]]:
    """Back up one project, and keep an empty one."""
    with ExitStack() as stack:
        source = stack.enter_context(running_stand_in())
        source.seed(users=2, files=3)
        options = StandInOptions(ref="zyxwvutsrqponmlkjihg")
        target = stack.enter_context(running_stand_in(options=options))
        yield backup_of(source, tmp_path_factory.mktemp("backup")), target


@pytest.fixture
def target(projects: tuple[RestoreSource, SupabaseStandIn]) -> Iterator[SupabaseStandIn]:
    """Give the empty project, and empty it again."""
    yield projects[1]
    with projects[1].admin_session() as session:
        session.execute("SET session_replication_role = replica")
        session.execute("DELETE FROM storage.objects")
        session.execute("DELETE FROM storage.buckets")


def ours(target: SupabaseStandIn, what: str) -> list[tuple[object, ...]]:
    with target.admin_session() as session:
        return session.execute(f"SELECT {what} {OURS}".encode()).fetchall()


def restored_at(
    projects: tuple[RestoreSource, SupabaseStandIn], restoring: Restoring, watch: At
) -> None:
    request = request_of(*projects, Component.STORAGE)
    restoring.restorer.restore(request, restoring.reached.append, watch)


@pytest.mark.parametrize("phase", ["storage", "files"])
def test_a_cancelled_restore_leaves_no_session_and_says_what_became_of_the_target(
    projects: tuple[RestoreSource, SupabaseStandIn],
    target: SupabaseStandIn,
    tmp_path: Path,
    phase: str,
) -> None:
    def act() -> None:
        raise Cancelled("the test cancels")

    restoring = Restoring(tmp_path)

    with pytest.raises(Cancelled):
        restored_at(projects, restoring, At(phase, act))

    assert ours(target, "pid") == []
    assert restoring.reached == [TargetState.PARTIAL]
    assert list((tmp_path / "scratch").iterdir()) == []
