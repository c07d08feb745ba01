"""What the calendar holds of a schedule: the run ahead, and the projects that a run is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chalicelib.domain.errors import NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query, Remove, Write
from chalicelib.domain.schedule import ExpectedRun, RunState, Schedule
from chalicelib.ports import Catalog
from chalicelib.services.pages import every

PAGE: Final = 200


@dataclass(frozen=True)
class Calendar:
    """Look into the calendar."""

    catalog: Catalog

    def planned(self, schedule: Schedule, after: datetime) -> Schedule:
        """Return the schedule with its first run behind a moment that was not settled already.

        A clock that was far ahead for a while has left settled runs in the future: no instant is
        had twice.
        """
        planned = schedule.planned(after)
        while planned.next is not None and self._is_settled(planned.next.run_id):
            planned = schedule.planned(planned.next.expected_at)
        return planned

    def without_next(self, schedule: Schedule) -> tuple[Write, ...]:
        """Return the writes that take the run ahead out of the calendar."""
        if schedule.next is None:
            return ()
        run = self._run(schedule.next.run_id)
        return (Remove(run),) if run is not None and run.state is RunState.EXPECTED else ()

    def projects(self, schedule: Schedule) -> Iterator[Project]:
        """Yield the projects that a run of the schedule is for now; none where it was deleted."""
        if schedule.project_id is not None:
            project = self.project(schedule.project_id)
            yield from () if project is None else (project,)
        elif schedule.project_tag is not None:
            yield from self._tagged(schedule.project_tag.name, schedule.project_tag.value)

    def project(self, project_id: str) -> Project | None:
        """Return a project; None where it was deleted."""
        try:
            return self.catalog.get(Project, project_id)
        except NotFound:
            return None

    def _tagged(self, name: str, value: str) -> Iterator[Project]:
        def keep(project: Project) -> bool:
            return project.tags.get(name) == value

        return every(self.catalog, Query(Project, limit=PAGE, keep=keep))

    def _is_settled(self, run_id: str) -> bool:
        run = self._run(run_id)
        return run is not None and run.state is not RunState.EXPECTED

    def _run(self, run_id: str) -> ExpectedRun | None:
        try:
            return self.catalog.get(ExpectedRun, run_id)
        except NotFound:
            return None
