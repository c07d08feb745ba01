"""A schedule of a case, with the alarms that go off for it and who changes it meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.bootstrap.services import Services
from chalicelib.domain.errors import HoldfastError
from chalicelib.domain.schedule import Overlap, ProjectTag, Schedule
from chalicelib.services.projects import ProjectChanges
from chalicelib.services.schedules import NewSchedule, ScheduleChanges
from tests.simulation.gate import Unexpected
from tests.simulation.plan import MINUTE_S, Appointment
from tests.simulation.stage import START, Stage

ALL = ProjectTag(name="all", value="yes")


@dataclass
class Diary:
    """Everybody around one schedule. Each alarm is an actor, as a function of AWS would be."""

    appointment: Appointment
    project_ids: list[str]
    stage: Stage
    services: Services

    def begin(self) -> None:
        """Make the schedule before anything else happens, and let its alarms wait."""
        schedule = self._made()
        for at_s, minute in self.appointment.alarms:
            self._alarm(schedule, at_s, START + timedelta(minutes=minute))
        disable_at_s = self.appointment.disable_at_s
        if disable_at_s is not None:
            for after_s, enabled in ((0.0, False), (MINUTE_S, True)):
                self._switch(schedule, disable_at_s + after_s, enabled=enabled)

    def _made(self) -> Schedule:
        appointment = self.appointment
        project = appointment.project
        if project is None:
            for project_id in self.project_ids:
                tagged = ProjectChanges(tags={ALL.name: ALL.value})
                self.services.projects.update("key:1", project_id, tagged)
        new = NewSchedule(
            name="often",
            cron=f"*/{appointment.every_min} * * * *",
            project_id=None if project is None else self.project_ids[project],
            project_tag=ALL if project is None else None,
            overlap=Overlap.QUEUE if appointment.queues else Overlap.SKIP,
        )
        return self.services.schedules.create("key:1", new)

    def _alarm(self, schedule: Schedule, at_s: float, instant: datetime) -> None:
        def ring() -> None:
            try:
                self.services.due_runs.fire(schedule.id, instant)
            except (HoldfastError, Unexpected):
                return  # the next alarm or sweep comes

        self.stage.spawn(f"alarm-{len(self.stage.actors)}", ring, delay_s=at_s)

    def _switch(self, schedule: Schedule, at_s: float, *, enabled: bool) -> None:
        def switch() -> None:
            changes = ScheduleChanges(enabled=enabled)
            try:
                self.services.schedules.update("key:1", schedule.id, changes)
            except (HoldfastError, Unexpected):
                return

        self.stage.spawn(f"switch-{len(self.stage.actors)}", switch, delay_s=at_s)
