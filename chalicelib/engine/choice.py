"""Choose the client that dumps a server: a pure function over what is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from chalicelib.domain.backup import Compression, Format
from chalicelib.domain.errors import InvalidRequest, TlsFailed, Unsupported, VersionUnsupported
from chalicelib.engine.clients import Client
from chalicelib.engine.versions import Version

FloorPolicy = Literal["warn", "refuse"]

NEW_SETTING_MAJOR: Final = 17
"""From here on dumps begin with SET transaction_timeout, which older servers do not know."""


@dataclass(frozen=True)
class Need:
    """Say what a dump needs. `compression` None leaves the codec open.

    `must_encrypt` comes from the sslmode; `encrypts` says that the server offers TLS.
    """

    server: Version
    must_encrypt: bool
    encrypts: bool
    file_format: Format
    compression: Compression | None


@dataclass(frozen=True)
class Choice:
    """Say which client and codec it will be, and what to know about them."""

    client: Client
    compression: Compression
    warnings: tuple[str, ...]


def choose(clients: Sequence[Client], need: Need, floor_policy: FloorPolicy) -> Choice:
    """Return the server's own major if it will do, else the next higher at hand.

    Never an older client: pg_dump refuses newer servers. Raises VersionUnsupported, TlsFailed or
    Unsupported, each saying what is missing.
    """
    fitting = _with_codec(_with_tls(_new_enough(clients, need.server), need), need)
    client = min(fitting, key=lambda c: (c.version.major, need.encrypts and not c.has_tls))
    compression = need.compression or _fastest(client, need.file_format)
    return Choice(client, compression, (*_floor(client, floor_policy), *_notes(client, need)))


def reader(
    clients: Sequence[Client], compression: Compression, floor_policy: FloorPolicy
) -> Client:
    """Return the newest client that knows an archive's codec; VersionUnsupported if there is none.

    The newest, because pg_restore reads archives of its own and all older versions.
    """
    able = [c for c in clients if c.has_zstd or compression is not Compression.ZSTD]
    if not able:
        raise VersionUnsupported(
            f"no PostgreSQL client that reads {compression} archives is installed",
            hint="Install the PostgreSQL client tools of the newest major, built with zstd.",
        )
    client = max(able, key=lambda c: c.version)
    _floor(client, floor_policy)
    return client


def _new_enough(clients: Sequence[Client], server: Version) -> list[Client]:
    found = [client for client in clients if client.version.major >= server.major]
    if found:
        return found
    at_hand = ", ".join(str(client.version) for client in clients) or "none"
    raise VersionUnsupported(
        f"the server is version {server} and the clients at hand are {at_hand}",
        hint=f"Install the PostgreSQL {server.major} client tools (pg_dump, pg_restore).",
    )


def _with_tls(clients: list[Client], need: Need) -> list[Client]:
    found = [client for client in clients if client.has_tls]
    if found or not need.must_encrypt:
        return found if need.must_encrypt else clients
    versions = ", ".join(str(client.version) for client in clients)
    raise TlsFailed(
        f"the connection asks for TLS and the clients at hand ({versions}) are built without it",
        hint=f"Install PostgreSQL {need.server.major} or newer clients that are built with TLS.",
    )


def _with_codec(clients: list[Client], need: Need) -> list[Client]:
    if need.file_format is Format.PLAIN:  # compressed by us, not by the client
        return clients
    if need.compression is Compression.BZIP2:
        raise InvalidRequest("compression bzip2 goes with format plain only", field="format")
    if need.compression is not Compression.ZSTD:
        return clients
    found = [client for client in clients if client.has_zstd]
    if found:
        return found
    versions = ", ".join(str(client.version) for client in clients)
    raise Unsupported(
        f"the clients at hand ({versions}) cannot write zstd in format custom",
        hint="Choose compression gzip, format plain, or install clients built with zstd.",
    )


def _fastest(client: Client, file_format: Format) -> Compression:
    if file_format is Format.PLAIN or client.has_zstd:
        return Compression.ZSTD
    return Compression.GZIP


def _floor(client: Client, policy: FloorPolicy) -> tuple[str, ...]:
    hole = client.version.hole
    if hole is None:
        return ()
    if policy == "refuse":
        raise VersionUnsupported(hole, hint=client.version.cure)
    return (f"{hole}. {client.version.cure}",)


def _notes(client: Client, need: Need) -> tuple[str, ...]:
    notes = []
    if client.version.major > need.server.major and client.version.major >= NEW_SETTING_MAJOR:
        notes.append(
            f"made by the clients of version {client.version.major} from a server of version "
            f"{need.server.major}: a restore into servers before {NEW_SETTING_MAJOR} reports one "
            "unknown setting, transaction_timeout"
        )
    if need.encrypts and not client.has_tls:
        notes.append("the dump itself is not encrypted on its way: the client has no TLS")
    return tuple(notes)
