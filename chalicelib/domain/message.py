"""Notices in words, for people who were asleep: what happened first, then what to do about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chalicelib.domain.audit import Notice
from chalicelib.domain.notices import NoticeKind

MAX_SUBJECT: Final = 200
SUBJECTS: Final = {
    NoticeKind.BACKUP_COMPLETED: "Backup of {project} completed",
    NoticeKind.BACKUP_FAILED: "Backup of {project} failed",
    NoticeKind.BACKUP_CANCELLED: "Backup of {project} was cancelled",
    NoticeKind.BACKUP_MISSED: "Backup of {project} did not run when it should have",
    NoticeKind.PROOF_FAILED: "A backup of {project} failed its verification",
    NoticeKind.RESTORE_COMPLETED: "Restore of a backup of {project} completed",
    NoticeKind.RESTORE_FAILED: "Restore of a backup of {project} failed",
    NoticeKind.RESTORE_CANCELLED: "Restore of a backup of {project} was cancelled",
    NoticeKind.RETENTION_FROZEN: "Retention of {project} is frozen: nothing is removed",
    NoticeKind.SCHEDULE_DISABLED: "A schedule of {project} was disabled: it runs no more backups",
    NoticeKind.CHANNEL_TEST: "Holdfast reaches this channel",
}
HINTS: Final = {
    NoticeKind.BACKUP_COMPLETED: "Nothing.",
    NoticeKind.BACKUP_FAILED: "Mend the cause, then start the backup again.",
    NoticeKind.BACKUP_CANCELLED: "Nothing was kept; start a new backup when it suits.",
    NoticeKind.BACKUP_MISSED: "Look whether workers run, then start a backup by hand.",
    NoticeKind.PROOF_FAILED: "Keep the older backups, take a new one now, and compare both.",
    NoticeKind.RESTORE_COMPLETED: "Nothing.",
    NoticeKind.RESTORE_FAILED: "Look at the state of the target, then restore again.",
    NoticeKind.RESTORE_CANCELLED: "Look at the state of the target before it is used.",
    NoticeKind.RETENTION_FROZEN: "Mend the failing backups; retention then goes on by itself.",
    NoticeKind.SCHEDULE_DISABLED: "Enable the schedule again if that was not meant.",
    NoticeKind.CHANNEL_TEST: "Nothing; somebody asked for this test.",
}
TOLD: Final = {
    "name": "Name",
    "status": "Status",
    "target": "Target",
    "backup_id": "Backup",
    "code": "Code",
}
"""What of a notice's body people are told, in this order, and how it is called."""


@dataclass(frozen=True)
class Message:
    """Hold a notice as channels send it; `id` stays the same however often it is sent."""

    id: str
    event: str
    at: datetime
    subject: str
    hint: str
    project_id: str
    project: str
    subject_id: str
    details: dict[str, str]

    @property
    def text(self) -> str:
        """The message for people, without its subject."""
        lines = [f"What to do: {self.hint}", ""]
        lines += [f"{TOLD[name]}: {self.details[name]}" for name in TOLD if self.details.get(name)]
        if self.project:
            lines.append(f"Project: {self.project}")
        lines += [
            f"Id: {self.subject_id}",
            f"When: {self.at:%Y-%m-%d %H:%M:%S} UTC",
            f"Notice: {self.event} {self.id}",
        ]
        return "\n".join(lines)

    def json_body(self) -> bytes:
        """Return the message for programs: the same bytes each time it is sent."""
        values = {**vars(self), "at": self.at.isoformat()}
        return json.dumps(values, sort_keys=True, ensure_ascii=True).encode()


def message_of(notice: Notice, project: str) -> Message:
    """Put a notice into words; `project` is the name of its project, or nothing.

    A kind this version does not know, as an older worker may meet, is told by its own name.
    """
    known = NoticeKind(notice.event) if notice.event in set(NoticeKind) else None
    about = project or notice.project_id
    subject = SUBJECTS[known].format(project=about) if known else f"Holdfast tells: {notice.event}"
    reason = notice.body.get("message")
    sentence = f"{subject}: {reason}" if reason else subject
    return Message(
        id=notice.id,
        event=notice.event,
        at=notice.at,
        subject=_one_line(sentence),
        hint=notice.body.get("hint") or (HINTS[known] if known else "Look at it."),
        project_id=notice.project_id,
        project=project,
        subject_id=notice.subject_id,
        details=dict(notice.body),
    )


def _one_line(text: str) -> str:
    # a subject becomes a mail's header, where a line break would begin another header
    clean = "".join(letter if letter.isprintable() else " " for letter in text)
    return clean if len(clean) <= MAX_SUBJECT else clean[: MAX_SUBJECT - 1] + "…"
