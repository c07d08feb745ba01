"""What the rules of a platform need of the target of a restore, as Protocols with their contracts.

The rules decide what comes when; the engine knows how rows, archives and sessions work. Neither
needs the other's code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from chalicelib.domain.restore import Comparison, Note
from chalicelib.postgres_ports import PartSource, RestoreFile, RestoreRequest, Watch


@dataclass(frozen=True)
class Entry:
    """Describe one object of an archive as its table of contents has it; `needs` are dump ids.

    `section` is none, pre-data, data or post-data.
    """

    dump_id: int
    kind: str
    schema: str
    name: str
    owner: str
    section: str
    definition: str = ""
    copy_statement: str = ""
    needs: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Give it as a person reads it."""
        name = f"{self.schema}.{self.name}" if self.schema else self.name
        return f"{self.kind.lower()} {name}"


@dataclass(frozen=True)
class Applied:
    """Say what a client complained of: bounded notes, and how many there were of each."""

    errors: tuple[Note, ...] = ()
    errors_total: int = 0
    ignored: tuple[Note, ...] = ()
    ignored_total: int = 0


@dataclass(frozen=True)
class Application:
    """Say which entries of an archive are restored, in which order, by `pg_restore`."""

    file: RestoreFile
    dump_ids: tuple[int, ...]
    no_owner: bool = False


@dataclass(frozen=True)
class Aside:
    """Say what becomes of the rows of one entry that are not to go into its table.

    The statements `before` make a place for them, `copy_statement` takes them there, and those
    `after` use it, all in one transaction.
    """

    dump_id: int
    before: tuple[str, ...]
    copy_statement: str
    after: tuple[str, ...]


class Target(Protocol):
    """Be a session to a target, and the client programs that work on it.

    A session that is lost is replaced, and what it was at is done again, each transaction once:
    nothing may be kept in a session. Every call may raise the SourceError classes, SourceLost when
    no session lasts, and what the watch raises.
    """

    @property
    def server_version(self) -> str:
        """The version of the server, as in 17.6."""
        ...

    @property
    def client_version(self) -> str:
        """The version of the client programs."""
        ...

    @property
    def user(self) -> str:
        """The role that restores."""
        ...

    @property
    def is_superuser(self) -> bool:
        """Whether that role is a superuser."""
        ...

    @property
    def objects(self) -> frozenset[tuple[str, str, str]]:
        """What the target held at first: kind, schema (empty where none holds it), name."""
        ...

    @property
    def roles(self) -> Mapping[str, bool]:
        """The roles of the target's server at first, each with whether we may act as it."""
        ...

    @property
    def extensions(self) -> frozenset[str]:
        """The extensions that the target's server has, installed or not."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be known of the client programs."""
        ...

    def begin(self, phase: str) -> None:
        """Publish that another phase begins."""
        ...

    def look(self, files_done: int = 0) -> None:
        """Ask the watch whether the work may go on; say how many files are there."""
        ...

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask a question; `%s` stands for values where there are some."""
        ...

    def attempt(self, *statements: str, as_replica: bool = False) -> str | None:
        """Run statements in one transaction; return why the server refused, None when all ran.

        `as_replica` keeps triggers and foreign keys from firing.
        """
        ...

    def probe(self, role: str, claims: str, question: str) -> list[tuple[Any, ...]] | str:
        """Ask as another role with these claims, under its row security; undo all of it.

        A text is what the server refused with.
        """
        ...

    def entries(self, file: RestoreFile) -> tuple[Entry, ...]:
        """Read the table of contents of an archive; IntegrityFailed for what is none."""
        ...

    def apply(self, application: Application) -> Applied:
        """Have pg_restore bring entries, each on its own."""
        ...

    def load(self, file: RestoreFile, dump_ids: frozenset[int]) -> str | None:
        """Copy the rows of entries as a replica, all or none; return why one was refused."""
        ...

    def load_each(
        self, file: RestoreFile, dump_ids: frozenset[int], loaded: Callable[[int], object]
    ) -> str | None:
        """Copy the rows of entries as a replica, those of one all or none.

        `loaded` is called with each entry that is in, from another thread. Returns why one was
        refused, which ends it; None when all are in.
        """
        ...

    def use(self, file: RestoreFile, aside: Aside) -> str | None:
        """Use the rows of an entry as a replica, all or nothing; return why it was refused."""
        ...

    def compare(self, part: PartSource, dump_ids: frozenset[int], *, is_whole: bool) -> Comparison:
        """Hold what was loaded against what was recorded of the dump.

        `is_whole` says that the part was everything the database held, large objects too.
        """
        ...


class Workbench(Protocol):
    """Open targets."""

    def open(self, request: RestoreRequest, watch: Watch) -> AbstractContextManager[Target]:
        """Give the target; whatever was started has ended when the block is left."""
        ...


def ids_of(entries: Sequence[Entry]) -> tuple[int, ...]:
    """Return the dump ids, in order."""
    return tuple(entry.dump_id for entry in entries)
