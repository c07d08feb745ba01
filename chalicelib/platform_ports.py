"""What a hosting platform keeps of a project beside its database, as Protocols with contracts.

The services take backups through these and know no platform; `bootstrap` says which one it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from chalicelib.domain.backup import BackupOptions
from chalicelib.domain.dump_scope import EVERYTHING, DumpPart, DumpScope, Reading
from chalicelib.domain.project import Project
from chalicelib.domain.storage_file import StorageObject


@dataclass(frozen=True)
class Extent:
    """Say what a backup takes of the database, all of it under one snapshot."""

    scope: DumpScope = EVERYTHING
    parts: tuple[DumpPart, ...] = ()
    readings: tuple[Reading, ...] = ()


class FileSource(Protocol):
    """Give the files that the rows of a project's storage name. Several threads may ask at once."""

    def read(self, wanted: StorageObject, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `start` on, in chunks of at most 1 MiB.

        NotFound when the file is gone, Conflict when it is no longer the one of the row;
        PermissionDenied when none may be read; SourceUnreachable and SourceLost may pass by
        themselves, and reading may then go on from where it broke off.
        """
        ...


class Platform(Protocol):
    """Take what lies beside a project's database. Every call may raise the SourceError classes."""

    def extent(self, project: Project, options: BackupOptions) -> Extent:
        """Say what of the database belongs to these components; asks nobody."""
        ...

    def files(self, project: Project) -> AbstractContextManager[FileSource]:
        """Open the way to the files of a project."""
        ...

    def functions(self, project: Project, known: Mapping[str, str]) -> Iterator[str]:
        """Yield a line of JSON per function, with its sources.

        `known` are lines of an earlier backup by the function's slug: of one that did not change
        since, the line is taken from there and nothing is fetched.
        """
        ...

    def config(self, project: Project) -> Iterator[str]:
        """Yield a line of JSON per section of the configuration, without what is secret in it."""
        ...
