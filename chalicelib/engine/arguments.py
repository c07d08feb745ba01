"""Write pg_dump's command line: options only, each as --name=value.

No positional argument and no connection string: `--file=x` as a database name would otherwise be
an option, and a name with `=` would lead to another server. The database goes by PGDATABASE.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.backup import BackupType, Compression, Format
from chalicelib.domain.dump_scope import EVERYTHING, DumpScope
from chalicelib.engine.clients import Client

NAMED_CODECS_SINCE: Final = 16
"""Before this major --compress takes a level only, and 0 for none."""

LEVELS: Final = {Compression.NONE: "0", Compression.GZIP: "1"}
CODECS: Final = {
    Compression.NONE: "none",
    Compression.GZIP: "gzip:1",
    Compression.ZSTD: "zstd:1",
}
PARTS: Final = {
    BackupType.FULL: (),
    BackupType.SCHEMA: ("--schema-only",),
    BackupType.DATA: ("--data-only",),
}
BESIDE_DATA: Final = ("--section=pre-data", "--section=post-data", "--no-blobs")
"""As --schema-only, and the commands that fill materialized views: --data-only leaves them out too,
so that they would come back empty. Large objects lie in the data."""


@dataclass(frozen=True)
class Stream:
    """Say what one run of pg_dump makes; `part` is full, schema or data.

    `is_beside_data` says of a schema that a dump of the data lies beside it.
    """

    part: BackupType
    file_format: Format
    compression: Compression
    is_beside_data: bool = False
    scope: DumpScope = EVERYTHING

    @property
    def compression_by_client(self) -> Compression:
        """What pg_dump itself compresses with: plain dumps are compressed by us."""
        return Compression.NONE if self.file_format is Format.PLAIN else self.compression


def dump_arguments(
    client: Client, stream: Stream, snapshot_id: str, lock_timeout_s: float
) -> list[str]:
    """Return the whole argument list, the program's absolute path first."""
    codecs = CODECS if client.version.major >= NAMED_CODECS_SINCE else LEVELS
    return [
        str(client.pg_dump),
        f"--format={stream.file_format.value}",
        f"--compress={codecs[stream.compression_by_client]}",
        f"--snapshot={snapshot_id}",
        f"--lock-wait-timeout={math.ceil(lock_timeout_s * 1000)}",
        "--no-password",
        "--verbose",
        *(BESIDE_DATA if stream.is_beside_data else PARTS[stream.part]),
        *_scope(stream.scope),
    ]


def exactly(*names: str) -> str:
    """Return the pattern that matches one thing alone, given by its names from the outermost in.

    Between quotes nothing is a wildcard and no letter is folded.
    """
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def _scope(scope: DumpScope) -> list[str]:
    return [
        *(f"--schema={exactly(name)}" for name in scope.schemas),
        *(f"--table={exactly(*names)}" for names in scope.tables),
        *(f"--exclude-schema={exactly(name)}" for name in scope.exclude_schemas),
        *(f"--exclude-table={exactly(*names)}" for names in scope.exclude_tables),
        *([] if scope.role is None else [f"--role={scope.role}"]),
        *([] if scope.large_objects else ["--no-blobs"]),
    ]
