"""Choose the client that restores: a pure function over what is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.backup import Compression
from chalicelib.domain.connection import SslMode
from chalicelib.domain.errors import TlsFailed, VersionUnsupported
from chalicelib.engine.choice import FloorPolicy
from chalicelib.engine.clients import Client
from chalicelib.engine.versions import FLOOR_REASON, Version


@dataclass(frozen=True)
class Wish:
    """Say what a client must be able to do.

    `restore_needs` is the major that was recorded as needed, None where nobody knows: then it is
    the newest. `must_be_sound` refuses clients with known holes: always for archives that are not
    ours, because a crafted one runs code in pg_restore.
    """

    server: Version
    restore_needs: str | None
    sslmode: SslMode
    compression: Compression
    must_be_sound: bool


@dataclass(frozen=True)
class ChosenClient:
    """Say which client it is, and what to know about it."""

    client: Client
    warnings: tuple[str, ...]


def must_be_sound(policy: FloorPolicy, *, is_ours: bool) -> bool:
    """Say whether clients with known holes are refused: for strangers' archives, and on policy."""
    return not is_ours or policy == "refuse"


def choose_client(clients: Sequence[Client], wish: Wish) -> ChosenClient:
    """Return the client nearest to the target's major that reads the archive.

    Raises VersionUnsupported or TlsFailed, each saying what is missing.
    """
    found = _sound(_with_tls(_able(clients, wish), wish), wish)
    client = min(found, key=lambda c: abs(c.version.major - wish.server.major))
    if wish.restore_needs is None:
        client = max(found, key=lambda c: c.version)
    hole = client.version.hole
    return ChosenClient(client, () if hole is None else (f"{hole}. {client.version.cure}",))


def _able(clients: Sequence[Client], wish: Wish) -> list[Client]:
    needs = _major(wish.restore_needs)
    found = [
        client
        for client in clients
        if client.version.major >= needs
        and (client.has_zstd or wish.compression is not Compression.ZSTD)
    ]
    if found:
        return found
    at_hand = ", ".join(str(client.version) for client in clients) or "none"
    needed = f"version {needs}" if needs else "any version"
    codec = " built with zstd" if wish.compression is Compression.ZSTD else ""
    raise VersionUnsupported(
        f"the archive needs pg_restore of {needed} or newer{codec}, and at hand are {at_hand}",
        hint="Install newer PostgreSQL client tools on the worker.",
    )


def _with_tls(clients: list[Client], wish: Wish) -> list[Client]:
    if not wish.sslmode.must_encrypt:
        return clients
    found = [client for client in clients if client.has_tls]
    if not found:
        versions = ", ".join(str(client.version) for client in clients)
        raise TlsFailed(
            f"the target asks for TLS and the clients that fit ({versions}) are built without it",
            hint="Install PostgreSQL client tools that are built with TLS.",
        )
    return found


def _sound(clients: list[Client], wish: Wish) -> list[Client]:
    if not wish.must_be_sound:
        return clients
    found = [client for client in clients if not client.version.is_below_floor]
    if not found:
        versions = ", ".join(f"{c.version} (needs {c.version.floor})" for c in clients)
        raise VersionUnsupported(
            f"the PostgreSQL clients that fit have a known hole ({FLOOR_REASON}): {versions}",
            hint="Install fixed client tools on the worker before restoring this.",
        )
    return found


def _major(restore_needs: str | None) -> int:
    digits = "".join(letter for letter in restore_needs or "" if letter.isdigit())
    return int(digits or 0)
