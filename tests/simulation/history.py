"""What happened in a case, as values that a checker can read and two runs can compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.audit import Notice
from chalicelib.domain.backup import Backup
from chalicelib.domain.job import Job
from chalicelib.domain.link import Link
from chalicelib.domain.schedule import ExpectedRun, Schedule


@dataclass(frozen=True)
class Event:
    """One port call as it took effect.

    `backups` are the records that a commit really stored, `removed` the ids of those it removed;
    `left` are the objects that lay under the keys of an ended attempt in that moment; `running`
    says that a living worker held the lease of what the call ended.
    """

    at: datetime
    actor: str
    call: int
    operation: str
    outcome: str
    fault: str = ""
    backups: tuple[Backup, ...] = ()
    removed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    running: bool = False


@dataclass(frozen=True)
class Answer:
    """What somebody was told, and when they had asked."""

    asked_at_s: float
    told_at_s: float
    question: str
    subject: str
    said: str


@dataclass(frozen=True)
class DumpRun:
    """One dump by the engine: `exit_code` of its child, and the bytes that a whole one has."""

    run_id: str
    database: str
    exit_code: int
    content: bytes


@dataclass
class History:
    """Collect what happens."""

    events: list[Event] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    dumps: list[DumpRun] = field(default_factory=list)
    read_whole: list[str] = field(default_factory=list)

    def outline(self) -> tuple[str, ...]:
        """Return every event as a line, for comparing two runs."""
        return tuple(
            f"{event.at:%d %H:%M:%S.%f} {event.actor} {event.call} {event.operation}"
            f" {event.outcome} {event.fault}"
            for event in self.events
        )


@dataclass(frozen=True)
class Evidence:
    """The history and what is left when everything has come to rest.

    `objects` maps keys to contents; `delivered` are the ids of notices that went out.
    `projects` maps ids to databases; `secrets` are the passwords that nothing may show.
    `schedules` are as they were before rest was made of them, `runs` what the calendar holds.
    """

    history: History
    backups: tuple[Backup, ...]
    jobs: tuple[Job, ...]
    links: tuple[Link, ...]
    notices: tuple[Notice, ...]
    delivered: tuple[str, ...]
    objects: dict[str, bytes]
    uploads: tuple[str, ...]
    projects: dict[str, str]
    secrets: tuple[str, ...]
    steps: int
    problems: tuple[str, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    runs: tuple[ExpectedRun, ...] = ()
