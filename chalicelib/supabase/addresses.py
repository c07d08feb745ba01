"""Find the way to a project's database: the session pooler, or directly where that works.

The database's own host has an IPv6 address only, unless one was bought besides; whether this
machine gets there is found out by connecting. The pooler's host cannot be derived from the
reference, so the Management API is asked for it. Its port is always 5432, whatever the API says:
6543 is the transaction pooler, which keeps no session.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.connection import Connection, Endpoint, SslMode
from chalicelib.domain.errors import (
    AuthenticationFailed,
    HoldfastError,
    Internal,
    NotFound,
    PermissionDenied,
    SourceUnreachable,
)
from chalicelib.domain.supabase import Reached, SupabaseSettings
from chalicelib.domain.supabase_url import DATABASE_HOST, POOLER_HOST
from chalicelib.supabase.management import Pooler

CONNECT_TIMEOUT_S: Final = 5.0
SESSION_PORT: Final = 5432
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})


@dataclass(frozen=True)
class Locator:
    """Resolve the addresses of projects.

    `pooler` asks the Management API, `answers` tells whether a host takes connections at a port.
    With a `root_certificate`, a file or `system`, the server's name is checked too.
    """

    pooler: Callable[[SupabaseSettings], Pooler]
    answers: Callable[[str, int], bool]
    root_certificate: str | None = None

    def located(self, settings: SupabaseSettings, connection: Connection) -> Connection:
        """Return how to reach the database of a project now.

        Raises SourceUnreachable when there is no way, and what the Management API refuses with.
        """
        endpoint = connection.endpoint
        if settings.reached is Reached.GIVEN:
            return Connection(self._checked(endpoint), connection.password)
        if settings.reached is Reached.DIRECT and self.answers(endpoint.host, endpoint.port):
            return Connection(self._checked(endpoint), connection.password)
        return Connection(self._checked(self._resolved(settings, endpoint)), connection.password)

    def _resolved(self, settings: SupabaseSettings, endpoint: Endpoint) -> Endpoint:
        try:
            return pooled_endpoint(settings, endpoint, self.pooler(settings))
        except (SourceUnreachable, AuthenticationFailed, PermissionDenied, NotFound) as error:
            # knocked at once only: each silent address costs the whole of the time-out
            tried = settings.reached is Reached.DIRECT
            if not tried and self.answers(endpoint.host, endpoint.port):
                return endpoint
            raise _no_way(error) from error

    def _checked(self, endpoint: Endpoint) -> Endpoint:
        known = DATABASE_HOST.fullmatch(endpoint.host) or POOLER_HOST.fullmatch(endpoint.host)
        # other hosts have no certificate of Supabase's, and a mode that was chosen stays
        if self.root_certificate is None or not known or endpoint.sslmode is not SslMode.REQUIRE:
            return endpoint
        update = {"sslmode": SslMode.VERIFY_FULL, "sslrootcert": self.root_certificate}
        return endpoint.model_copy(update=update)


def pooled_endpoint(settings: SupabaseSettings, endpoint: Endpoint, pooler: Pooler) -> Endpoint:
    """Return the session pooler's address for the role of an endpoint."""
    is_local = settings.is_local and pooler.host in LOOPBACK
    # a password must go nowhere else, whatever an answer says
    if not is_local and POOLER_HOST.fullmatch(pooler.host) is None:
        raise Internal("the Management API names a pooler that is not Supabase's")
    return endpoint.model_copy(
        update={
            "host": pooler.host,
            "port": pooler.port if is_local else SESSION_PORT,
            "database": pooler.database,
            # one host serves the poolers of many projects: the role's name says which is meant
            "user": f"{endpoint.user}.{settings.ref}",
            "sslmode": SslMode.PREFER if is_local else endpoint.sslmode,
        }
    )


def takes_connections(host: str, port: int) -> bool:
    """Tell whether a connection to a host can be made from here, within seconds."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False


def _no_way(error: HoldfastError) -> HoldfastError:
    """Return the reason why a project cannot be reached, completed by what would help."""
    if not isinstance(error, SourceUnreachable):
        return error
    return SourceUnreachable(
        f"{error.message}, and the database's own host does not answer from here",
        hint="The own host has an IPv6 address only, unless the project has the IPv4 add-on. Try"
        " again later, or give the session pooler's URL as the dashboard shows it.",
    )
