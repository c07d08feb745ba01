"""The service restores one Supabase project into another: request, preflight, worker, report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from chalicelib.domain.backup import Backup, Component, Status
from chalicelib.domain.errors import Unsupported
from chalicelib.domain.restore import Restore, RestoreOptions, TargetState
from chalicelib.domain.run_steps import words_of
from chalicelib.local.supabase.stand_in import StandInOptions, SupabaseStandIn
from chalicelib.services.restores import NewRestore
from tests.support.supabase import running_stand_in
from tests.support.supabase_backups import Desk, add_project, desk_of

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


class Pair:
    """Hold a service with a filled project, its backup, and an empty project."""

    def __init__(self, desk: Desk, source: SupabaseStandIn, target: SupabaseStandIn) -> None:
        self.desk = desk
        self.source = source
        self.target = target
        self.into = add_project(desk, target)
        self.backup: Backup = desk.completed()

    def request(self, *components: Component) -> Restore:
        options = RestoreOptions(components=components or None)
        new = NewRestore(self.backup.id, self.into.project.id, options)
        return self.desk.services.restores.request("key:1", new)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Back up one project and keep another beside it."""
    with ExitStack() as stack:
        source = stack.enter_context(running_stand_in())
        other = StandInOptions(ref="zyxwvutsrqponmlkjihg")
        target = stack.enter_context(running_stand_in(options=other))
        source.seed(users=3, files=4)
        yield Pair(desk_of(tmp_path_factory.mktemp("data"), source), source, target)


@pytest.fixture(scope="module")
def restored(pair: Pair) -> Restore:
    """Restore everything once, for every test that only looks."""
    return pair.desk.services.restore_runner("worker-1").run(pair.request().id)


def test_a_restore_of_everything_completes(restored: Restore) -> None:
    assert restored.status is Status.COMPLETED, restored.error
    assert restored.target_state is TargetState.RESTORED


def test_the_report_says_what_was_restored_and_what_is_left(restored: Restore) -> None:
    report = restored.report

    assert report.restored["FILE"] == 4
    assert report.restored["EDGE FUNCTION"] == 2
    assert report.comparison is not None
    assert report.comparison.is_equal
    assert "secret payment key of the vault" in {note.what for note in report.by_hand}


def test_every_phase_of_a_restore_is_kept_with_words_for_people(restored: Restore) -> None:
    phases = [one.phase for one in restored.steps]

    assert phases == [
        None, None, "fetch", "preflight", "extensions", "roles", "definitions", "rows", "auth",
        "storage", "files", "indexes and rights", "functions", "config", "compare",
    ]  # fmt: skip
    assert len({words_of(restored.kind, one) for one in restored.steps}) == len(phases)
    assert not {words_of(restored.kind, one) for one in restored.steps} & set(phases)


def test_users_and_files_are_those_of_the_source(restored: Restore, pair: Pair) -> None:
    question = b"SELECT (SELECT array_agg(email::text ORDER BY email) FROM auth.users),"
    question += b" (SELECT array_agg(name ORDER BY name) FROM storage.objects)"
    answers = []
    for stand_in in (pair.source, pair.target):
        with stand_in.admin_session() as session:
            answers.append(session.execute(question).fetchone())

    assert restored.status is Status.COMPLETED
    assert answers[0] == answers[1]


def test_a_second_restore_into_the_same_project_touches_nothing(
    restored: Restore, pair: Pair
) -> None:
    again = pair.desk.services.restore_runner("worker-1").run(pair.request().id)

    assert restored.status is Status.COMPLETED
    assert again.status is Status.FAILED
    assert again.target_state is TargetState.UNTOUCHED
    assert again.error is not None
    assert again.error.code == "conflict"


def test_components_of_a_platform_are_refused_for_a_plain_database(pair: Pair) -> None:
    options = RestoreOptions(components=(Component.AUTH,))
    new = NewRestore(pair.backup.id, pair.target.connection, options)

    with pytest.raises(Unsupported, match="no Supabase project and takes no auth"):
        pair.desk.services.restores.request("key:1", new)
