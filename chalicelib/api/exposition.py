"""The state of the service in the text format of Prometheus, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.access import Actor
from chalicelib.domain.backup import Status
from chalicelib.services.gauges import DAYS, Gauge
from chalicelib.services.stats import ProjectStats

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Labels = dict[str, str]


@dataclass
class Family:
    """Hold one metric, with a value for each set of labels."""

    name: str
    help: str
    values: list[tuple[Labels, float]] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Write the metric down; one without values is left out."""
        if not self.values:
            return
        yield f"# HELP holdfast_{self.name} {self.help}"
        yield f"# TYPE holdfast_{self.name} gauge"
        for labels, value in self.values:
            shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            # repr is the shortest text that reads back as the same number
            yield f"holdfast_{self.name}{f'{{{shown}}}' if shown else ''} {value!r}"


def exposition(gauge: Gauge, actor: Actor) -> str:
    """Return what the actor may see; what concerns no project is for those who see all."""
    seen = [stats for stats in gauge.projects if actor.sees(stats.project.id)]
    families = [*_of_projects(seen), _open_backups(gauge, actor)]
    if actor.projects is None:
        families += _of_service(gauge)
    return "\n".join(line for family in families for line in family.lines()) + "\n"


def _of_projects(seen: Iterable[ProjectStats]) -> list[Family]:
    age = Family("last_success_age_seconds", "Since the last completed backup, or the project.")
    at = Family("last_success_timestamp_seconds", "When the last backup completed.")
    duration = Family("last_backup_duration_seconds", "How long the last completed backup took.")
    stored = Family("last_backup_stored_bytes", "Size of the last completed backup.")
    raw = Family("last_backup_raw_bytes", "Size of the same before compression.")
    ended = Family("backups_ended", f"Backups that ended in the last {DAYS} days, UTC.")
    for stats in seen:
        labels = {"project": stats.project.id, "name": stats.project.name}
        age.values.append((labels, stats.age_s))
        if stats.last is not None:
            at.values.append((labels, stats.last.at.timestamp()))
            duration.values.append((labels, float(stats.last.duration_s or 0)))
            stored.values.append((labels, float(stats.last.stored_bytes or 0)))
            raw.values.append((labels, float(stats.last.raw_bytes or 0)))
        ended.values += [({**labels, "status": s}, float(n)) for s, n in _by_status(stats)]
    return [age, at, duration, stored, raw, ended]


def _by_status(stats: ProjectStats) -> list[tuple[str, int]]:
    tally = stats.total
    return [
        (Status.COMPLETED.value, tally.backups_completed),
        (Status.FAILED.value, tally.backups_failed),
        (Status.CANCELLED.value, tally.backups_cancelled),
    ]


def _open_backups(gauge: Gauge, actor: Actor) -> Family:
    found = Family("backups_open", "Backups that wait or run now.")
    for status in (Status.PENDING, Status.IN_PROGRESS):
        counts = [
            count
            for (project_id, at), count in gauge.open_backups.items()
            if at is status and actor.sees(project_id)
        ]
        found.values.append(({"status": status.value}, float(sum(counts))))
    return found


def _of_service(gauge: Gauge) -> list[Family]:
    queue = Family("queue_age_seconds", "How long the oldest pending work has waited.")
    queue.values.append(({}, gauge.queue_age_s))
    notices = Family("notices_waiting", "Notices in the outbox, counted up to 1000.")
    notices.values.append(({}, float(gauge.notices_waiting)))
    swept = Family("sweeper_last_run_timestamp_seconds", "When the sweeper last ran.")
    problems = Family("sweeper_problems", "Problems that the last sweep met.")
    heartbeat = Family("heartbeat_timestamp_seconds", "When the dead-man's switch was reached.")
    if gauge.sweep is not None:
        swept.values.append(({}, gauge.sweep.at.timestamp()))
        problems.values.append(({}, float(gauge.sweep.problems)))
        if gauge.sweep.heartbeat_at is not None:
            heartbeat.values.append(({}, gauge.sweep.heartbeat_at.timestamp()))
    return [queue, notices, swept, problems, heartbeat]


def _escaped(text: str) -> str:
    # the backslash first: the others bring new ones
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
