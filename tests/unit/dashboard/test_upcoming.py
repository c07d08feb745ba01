"""When each project is backed up next."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.dashboard.upcoming import next_runs
from chalicelib.domain.schedule import ProjectTag, Schedule
from tests.support.rollups import NOW, a_project


def schedule(hour: int, **fields: object) -> Schedule:
    made = Schedule.model_validate(
        {"id": f"01S{hour}", "name": "s", "cron": f"0 {hour} * * *", "created_at": NOW,
         "updated_at": NOW, **fields}
    )  # fmt: skip
    return made.planned(NOW)


def test_the_first_of_several_schedules_counts() -> None:
    shop = a_project()
    both = [schedule(20, project_id=shop.id), schedule(15, project_id=shop.id)]

    assert next_runs(both, [shop]) == {shop.id: NOW + timedelta(hours=3)}


def test_a_schedule_by_tag_counts_for_all_that_carry_it() -> None:
    tagged, other = a_project("tagged", tags={"env": "prod"}), a_project("other")
    nightly = schedule(15, project_tag=ProjectTag(name="env", value="prod"))

    assert list(next_runs([nightly], [tagged, other])) == [tagged.id]


def test_a_paused_schedule_runs_nothing() -> None:
    shop = a_project()

    assert next_runs([schedule(15, project_id=shop.id, enabled=False)], [shop]) == {}
