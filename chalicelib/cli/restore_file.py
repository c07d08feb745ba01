"""Restore a dump file into a database, by a client of this machine, without any service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chalicelib.cli import sidecar
from chalicelib.cli.check_file import recognised
from chalicelib.cli.hashing_reader import HashingReader
from chalicelib.cli.pending_file import read_chunks
from chalicelib.cli.progress_view import ViewWatch
from chalicelib.cli.sidecar import SignedBy
from chalicelib.domain.backup import Artefact
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import HoldfastError, IntegrityFailed, InvalidRequest
from chalicelib.domain.manifest import Manifest
from chalicelib.domain.restore import Preflight, RestoreOptions, RestoreReport, TargetState
from chalicelib.postgres_ports import RestoreFile, Restorer, RestoreRequest, RestoreSource

RUN_ID = "file"


@dataclass(frozen=True)
class FileRestore:
    """Say what is restored where; `key` is the file of the key that must have signed.

    `trust_archive` takes files that nobody signed, or somebody else did: then only clients without
    known holes may read them, because a crafted archive runs code.
    """

    path: Path
    target: Connection
    options: RestoreOptions
    key: Path
    trust_archive: bool


@dataclass
class FileRestorer:
    """Do it, and remember what became of the target."""

    restorer: Restorer
    watch: ViewWatch
    state: TargetState = TargetState.UNTOUCHED

    def preflight(self, wanted: FileRestore) -> Preflight:
        """Say what the restore would meet; changes nothing."""
        return self.restorer.preflight(self._request(wanted), self.watch)

    def restore(self, wanted: FileRestore) -> RestoreReport:
        """Restore; every failure says what became of the target."""
        try:
            return self.restorer.restore(self._request(wanted), self._reached, self.watch)
        except HoldfastError as error:
            raise type(error)(
                f"{error.message}; the target is {self.state}", hint=error.hint
            ) from error

    def _reached(self, state: TargetState) -> None:
        self.state = state

    def _request(self, wanted: FileRestore) -> RestoreRequest:
        source = _source(wanted, self.watch)
        return RestoreRequest(source, wanted.target, wanted.options, RUN_ID)


def _source(wanted: FileRestore, watch: ViewWatch) -> RestoreSource:
    path = wanted.path
    if not path.is_file():
        raise InvalidRequest(f"{path} is not a file", hint="Name a dump file.", field="file")
    envelope = sidecar.beside(path)
    if envelope is None:
        _require_trust(wanted, "there is no manifest beside it")
        return _unknown(path)
    is_ours = sidecar.check_signature(envelope, wanted.key) is SignedBy.OURS
    if not is_ours:
        _require_trust(wanted, "its manifest is signed with another key")
    return _described(path, envelope.manifest, watch, is_ours=is_ours)


def _require_trust(wanted: FileRestore, why: str) -> None:
    if not wanted.trust_archive:
        raise IntegrityFailed(
            f"{wanted.path.name} is not known to be ours: {why}",
            hint="Name the key that signed it with --key, or say --trust-archive if you know who "
            "made it: restoring a crafted archive runs what its maker wants.",
        )


def _unknown(path: Path) -> RestoreSource:
    file_format, compression = recognised(path)
    return RestoreSource(
        main=_file(path),
        schema=None,
        type=None,
        format=file_format,
        compression=compression,
        server_version=None,
        restore_needs=None,
        counts=None,
        is_ours=False,
    )


def _described(path: Path, manifest: Manifest, watch: ViewWatch, *, is_ours: bool) -> RestoreSource:
    _compare(manifest.main, path, watch)
    files = {manifest.main.name: _file(path)}
    if len(manifest.artefacts) > 1:
        schema = sidecar.schema_path(path)
        _compare(manifest.artefacts[1], schema, watch)
        files[manifest.artefacts[1].name] = _file(schema)
    return RestoreSource.described(manifest, files, is_ours=is_ours)


def _compare(artefact: Artefact, path: Path, watch: ViewWatch) -> None:
    if not path.is_file():
        raise IntegrityFailed(f"{path.name} is missing, and the manifest names it")
    size_bytes = path.stat().st_size
    if size_bytes != artefact.stored_bytes:
        raise IntegrityFailed(f"{path.name} has {size_bytes} bytes, not {artefact.stored_bytes}")
    digest = HashingReader(read_chunks(path), artefact.stored_bytes, watch).finish()
    if digest != artefact.checksum.value:
        raise IntegrityFailed(f"{path.name} does not have the SHA-256 of its manifest")


def _file(path: Path) -> RestoreFile:
    return RestoreFile(lambda: read_chunks(path), path.absolute())
