"""What restores need of the engine, as a Protocol with its contract; see `ports` for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chalicelib.domain.backup import BackupType, Compression, Format, SourceCounts
from chalicelib.domain.connection import Connection
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.restore import Preflight, RestoreOptions, RestoreReport, TargetState
from chalicelib.ports import Watch


@dataclass(frozen=True)
class RestoreFile:
    """Give the bytes of an artefact: `open` yields them from the first, as often as it is called.

    `path` is set where they lie in a file, which several processes may then read at once.
    """

    open: Callable[[], Iterator[bytes]]
    path: Path | None = None


@dataclass(frozen=True)
class RestoreSource:
    """Describe what is restored; None where nobody recorded it.

    `schema` is the archive of definitions beside a dump of type data. `is_ours` says that a
    signature of ours covers every byte.
    """

    main: RestoreFile
    schema: RestoreFile | None
    type: BackupType | None
    format: Format
    compression: Compression
    server_version: str | None
    restore_needs: str | None
    counts: SourceCounts | None
    is_ours: bool

    @classmethod
    def described(
        cls, manifest: Manifest, files: Sequence[RestoreFile], *, is_ours: bool
    ) -> RestoreSource:
        """Return what a manifest describes; `files` are its artefacts, in its order."""
        return cls(
            main=files[0],
            schema=files[1] if len(files) > 1 else None,
            type=manifest.type,
            format=manifest.format,
            compression=manifest.compression,
            server_version=manifest.server_version,
            restore_needs=manifest.restore_needs,
            counts=manifest.counts,
            is_ours=is_ours,
        )


@dataclass(frozen=True)
class RestoreRequest:
    """Say what goes where and how; `run_id` marks the sessions on the target."""

    source: RestoreSource
    connection: Connection
    options: RestoreOptions
    run_id: str


class Restorer(Protocol):
    """Bring archives back. Every call may raise the SourceError classes, about the target.

    Whatever a call starts (processes, sessions, files) has ended when it returns or raises.
    """

    def preflight(self, request: RestoreRequest, watch: Watch) -> Preflight:
        """Say what a restore would meet; changes nothing."""
        ...

    def restore(
        self, request: RestoreRequest, reached: Callable[[TargetState], None], watch: Watch
    ) -> RestoreReport:
        """Restore, then compare the rows of the target with the recorded counts.

        The preflight comes first, and its first problem is raised before anything is changed.
        `reached` is called before the target changes for the first time, and once all is restored.
        Objects that the target refused are errors in the report, not exceptions.
        """
        ...
