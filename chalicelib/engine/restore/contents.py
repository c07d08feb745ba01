"""Read what a dump says of itself before it is restored; refuse what its form does not allow."""

from __future__ import annotations

from chalicelib.domain.backup import Format
from chalicelib.domain.errors import Unsupported
from chalicelib.domain.restore import Selection
from chalicelib.engine.archive.byte_stream import ByteStream
from chalicelib.engine.archive.toc import Toc
from chalicelib.engine.archive.toc_reader import read_toc
from chalicelib.postgres_ports import RestoreFile, RestoreRequest


def contents_of(request: RestoreRequest) -> Toc | None:
    """Read the table of contents that is chosen from; None for a script.

    Raises Unsupported for wishes that the form of the dump does not allow.
    """
    source = request.source
    if source.format is Format.PLAIN:
        if source.schema is None or request.options.selection != Selection(data_only=True):
            _require_whole(request, "a script", "Use a backup of format custom for that.")
        if request.options.clean:
            raise Unsupported(
                "a script cannot be restored with clean",
                hint="Restore it into an empty database, or use a backup of format custom.",
            )
        return None
    if source.schema is not None:
        if request.options.selection.is_partial:
            _require_whole(request, "a backup of type data", "Use a backup of type full for that.")
        if not request.options.selection.data_only:
            return toc_of(source.schema)
    return toc_of(source.main)


def _require_whole(request: RestoreRequest, what: str, hint: str) -> None:
    if request.options.selection != Selection():
        raise Unsupported(f"{what} can only be restored as a whole", hint=hint)


def toc_of(file: RestoreFile) -> Toc:
    """Read the table of contents of one archive."""
    return read_toc(ByteStream(file.open()))


def recorded_version(request: RestoreRequest) -> str:
    """Return the version of the server that was dumped, empty where nobody knows."""
    return request.source.server_version or ""


def dumped_by(request: RestoreRequest) -> str:
    """Return the version of the client that dumped, as far as it is known."""
    return request.source.restore_needs or recorded_version(request) or "0"
