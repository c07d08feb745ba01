"""Understand what pg_restore and psql say on stderr: how far they are, and what went wrong.

A server may speak any language, so what may be ignored is told by the command that failed and the
object it was for, never by the server's words. Everything else counts as an error.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import IO, Final

from chalicelib.domain.restore import MAX_NOTES, Note
from chalicelib.engine.faults import LOST, printable, scrub
from chalicelib.engine.stderr_tail import LineDrain

ENTRY: Final = re.compile(r"pg_restore: from TOC entry (\d+); \d+ \d+ (.*)")
ERROR: Final = re.compile(r"pg_restore: error: (.*)")
PSQL_ERROR: Final = re.compile(r"psql:\S*:\d+: (?:ERROR|FATAL|error): +(.*)|psql: error: (.*)")
COMMAND: Final = re.compile(r"Command was: (.*)")
BEGUN: Final = re.compile(r"pg_restore: creating (.*)")
STARTED: Final = re.compile(r'pg_restore: processing data for table "(.*)"$')
SERVER_WORD: Final = re.compile(r"^(?:could not execute query: )?(?:ERROR|FATAL): +")

IGNORABLE: Final[tuple[tuple[str, str, str], ...]] = (
    # entry, command, why
    (r"", r"SET transaction_timeout = 0;", "servers before PostgreSQL 17 do not know the setting"),
    (r"SCHEMA - public .*|SCHEMA public .*", r"CREATE SCHEMA public;", "every database has it"),
    (r"COMMENT - SCHEMA public.*", r"COMMENT ON SCHEMA public .*", "it belongs to another role"),
    (r"COMMENT - EXTENSION .*", r"COMMENT ON EXTENSION .*", "the extension belongs to a superuser"),
    # clean drops from the leaves up, which a partition's share of an index or constraint refuses;
    # its table is dropped next, and one that stays is an error when it is made again
    (
        r"(?:FK )?CONSTRAINT .*",
        r"ALTER TABLE IF EXISTS (?:ONLY )?\S.* DROP CONSTRAINT IF EXISTS .*;",
        "it goes with its table",
    ),
    (r"INDEX .*", r"DROP INDEX IF EXISTS .*;", "it goes with its table"),
)

THERE_ALREADY: Final = (
    "already exists|is already |multiple primary keys|pg_largeobject_metadata_oid_index"
)
"""What is said of a thing that is made a second time, by servers that speak English."""
MADE_BEFORE: Final = "it was made in a session that was lost before it could say so"

ADVICE: Final[tuple[tuple[str, str], ...]] = (
    (r"No space left on device|could not extend file", "Free disk space on the target's server."),
    (
        r"permission denied|must be (?:owner|superuser|able|member)",
        "Restore as a role that may do this, or with no_owner.",
    ),
    (r'role ".*" does not exist', "Create the role in the target, or restore with no_owner."),
    (r"extension .* is not available", "Install the extension on the target's server."),
    (r"already exists", "Drop it in the target first, or restore into an empty database."),
    (r"other objects depend on it", "Drop what depends on it in the target, then restore again."),
    (r"does not exist", "Restore what it needs too, or create that in the target first."),
    (
        r"violates foreign key",
        "Restore the referenced rows first, or restore as a superuser, who may turn triggers off.",
    ),
    (r"duplicate key|violates", "Empty the table in the target first."),
)
NO_ADVICE: Final = "Look at this object in the source and at the log of the target's server."


@dataclass
class Findings:
    """Hold what was said: errors and ignored complaints, bounded, and their numbers.

    `begun` are the labels of what was to be made, up to the loss of the target, if any.
    """

    errors: list[Note] = field(default_factory=list)
    ignored: list[Note] = field(default_factory=list)
    errors_total: int = 0
    ignored_total: int = 0
    failed_entries: set[int] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)
    is_lost: bool = False

    def error(self, note: Note) -> None:
        """Count an error; keep it if there is room."""
        self.errors_total += 1
        if len(self.errors) < MAX_NOTES:
            self.errors.append(note)

    def ignore(self, note: Note) -> None:
        """Count what needs no attention."""
        self.ignored_total += 1
        if len(self.ignored) < MAX_NOTES:
            self.ignored.append(note)


class Listener:
    """Read a client's stderr to its end in a thread, in memory that does not grow."""

    def __init__(
        self,
        pipe: IO[bytes],
        findings: Findings,
        password: str,
        again: frozenset[int] = frozenset(),
    ) -> None:
        """Begin to read; the password never gets into a note. Entries `again` may be there."""
        self._findings = findings
        self._password = password
        self._again = again
        self._entry: tuple[int, str] | None = None
        self._error: str | None = None
        self.tables_started = 0
        self.table: str | None = None
        self.lost = threading.Event()
        self._drain = LineDrain(pipe, self._take)

    def finish(self) -> None:
        """Take what is left, once the pipe has ended."""
        self._drain.join()
        self._close_error("")

    def _take(self, raw: bytes) -> None:
        line = raw.decode(errors="replace")
        if match := ENTRY.match(line):
            self._close_error("")
            self._entry = (int(match[1]), match[2])
        elif match := ERROR.match(line) or PSQL_ERROR.match(line):
            self._close_error("")
            self._error = match[match.lastindex or 0]
        elif match := COMMAND.match(line):
            self._close_error(match[1])
        elif match := STARTED.match(line):
            self._close_error("")
            self.tables_started += 1
            self.table = printable(match[1])
        elif match := BEGUN.match(line):
            self._close_error("")
            if not self.lost.is_set():
                self._findings.begun.add(match[1])

    def _close_error(self, command: str) -> None:
        if self._error is None:
            return
        error, self._error = self._error, None
        if re.search(LOST, error):
            self.lost.set()
        if self.lost.is_set():
            return  # all that follows fails for the same reason
        number, label = self._entry or (0, "")
        why = ignorable(label, command)
        if number in self._again and re.search(THERE_ALREADY, error):
            why = MADE_BEFORE
        what = printable(label or "the session")[:300]
        said = scrub(SERVER_WORD.sub("", error), self._password)
        if why is not None:
            self._findings.ignore(Note(what=what, message=said, advice=why))
            return
        self._findings.failed_entries.add(number)
        self._findings.error(Note(what=what, message=said, advice=advice(error)))


def ignorable(entry: str, command: str) -> str | None:
    """Return why a complaint needs no attention; None when it does."""
    for label, statement, why in IGNORABLE:
        if re.fullmatch(statement, command) and (not label or re.fullmatch(label, entry)):
            return why
    return None


def advice(message: str) -> str:
    """Return what to do about an error."""
    return next((text for pattern, text in ADVICE if re.search(pattern, message)), NO_ADVICE)
