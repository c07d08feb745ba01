"""Run the stand-in: a server with the platform's roles and schemas, and both interfaces.

What it cannot be: the platform's own extensions, its pooler's multiplexing, real vault, cron and
net. What it is meant for: everything that rights, ownership, row security and triggers decide.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from psycopg import sql

from chalicelib.domain.connection import Connection, Endpoint, SslMode
from chalicelib.domain.supabase import SupabaseSettings
from chalicelib.engine.connection import Session, SessionOptions, open_session
from chalicelib.engine.server_programs import ServerPrograms
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.local.supabase.content import seed_files, seed_functions, seed_rows
from chalicelib.local.supabase.http_server import StandInServer, Trouble
from chalicelib.local.supabase.management_api import Platform, management_routes
from chalicelib.local.supabase.session_pooler import SessionPooler
from chalicelib.local.supabase.storage_api import StandInStorage
from chalicelib.local.supabase.storage_rows import StorageRows

REF: Final = "abcdefghijklmnopqrst"
ADMIN: Final = "supabase_admin"
SETTLING: Final = SessionOptions("holdfast stand-in", lock_timeout_s=30.0)
LOGINS: Final = ("postgres", "authenticator", "supabase_auth_admin", "supabase_storage_admin")
SERVER_OPTIONS: Final = (("wal_level", "logical"), ("max_wal_senders", "10"))


@dataclass(frozen=True)
class StandInOptions:
    """Say how a stand-in behaves; `scopes` None lets its token do everything.

    `durable` False gives up fsync: a crash of the machine then loses the data.
    """

    ref: str = REF
    durable: bool = False
    status: str = "ACTIVE_HEALTHY"
    scopes: frozenset[str] | None = None
    troubles: tuple[Trouble, ...] = ()
    configs: Mapping[str, Any] = field(default_factory=dict)


class PlatformPostgres(LocalPostgres):
    """Own a server whose superuser is the platform's, so that `postgres` is none."""

    superuser: ClassVar[str] = ADMIN


class SupabaseStandIn:
    """Own one project from `start`, or the beginning of a block, until `close`."""

    def __init__(self, programs: ServerPrograms, options: StandInOptions | None = None) -> None:
        """Choose the programs; nothing is made before `start`."""
        self._options = options or StandInOptions()
        settings = LocalSettings(durable=self._options.durable, options=SERVER_OPTIONS)
        self.server = PlatformPostgres(programs, settings)
        self.ref = self._options.ref
        self.access_token = f"sbp_{secrets.token_hex(20)}"
        self.service_key = f"stand-in.{secrets.token_urlsafe(24)}"
        self._passwords = {name: secrets.token_urlsafe(18) for name in LOGINS}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start everything."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End everything; nothing is left."""
        self.close()

    def start(self) -> None:
        """Start the server, furnish it, and open both interfaces."""
        with ExitStack() as stack:
            stack.enter_context(self.server)
            self._furnish()
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-files-"))
            )
            rows = StorageRows(self.connection_as("supabase_storage_admin"))
            stack.callback(rows.close)
            self.storage = StandInStorage(folder, rows, self.service_key)
            self.pooler = SessionPooler(self.server.port, self.ref)
            stack.callback(self.pooler.close)
            # last, for it tells the ports of the others
            self.platform = self._described()
            routes = [*management_routes(self.platform), *self.storage.routes()]
            self.http = StandInServer(routes, self._options.troubles)
            stack.callback(self.http.close)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """End everything that `start` began."""
        self._stack.close()

    @property
    def api_url(self) -> str:
        """Where the Management API is; Storage lies beside it."""
        return self.http.url

    @property
    def settings(self) -> SupabaseSettings:
        """How a project of ours names this one."""
        return SupabaseSettings(ref=self.ref, api_url=self.api_url)

    @property
    def connection(self) -> Connection:
        """How `postgres`, who is no superuser, reaches the database."""
        return self.connection_as("postgres")

    @property
    def admin_connection(self) -> Connection:
        """How the superuser of the platform reaches the database."""
        return self.server.connection()

    def connection_as(self, role: str, password: str | None = None) -> Connection:
        """Return how a role reaches the database; its password is known for those of the platform.

        For another role, give the password it was made with.
        """
        known = self._passwords[role] if password is None else password
        return Connection(self._endpoint(role, self.server.port), known)

    @property
    def pooled_connection(self) -> Connection:
        """How `postgres` reaches the database through the session pooler."""
        endpoint = self._endpoint(f"postgres.{self.ref}", self.pooler.port)
        return Connection(endpoint, self._passwords["postgres"])

    def change_password(self, role: str, password: str) -> None:
        """Rotate a role's password."""
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
        with self.admin_session() as session:
            session.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
        self._passwords[role] = password

    def admin_session(self) -> Session:
        """Open a session of the superuser, in autocommit mode; the caller closes it."""
        return open_session(self.admin_connection, SETTLING)

    def owner_session(self) -> Session:
        """Open a session of `postgres`, in autocommit mode; the caller closes it."""
        return open_session(self.connection, SETTLING)

    def seed(self, users: int = 20, files: int = 6) -> None:
        """Fill the project with what users make, among it so many users and small files."""
        with self.owner_session() as owner, self.admin_session() as admin:
            owner.execute(_script("content.sql"))
            seed_rows(admin, users)
        seed_files(self.storage, files)
        seed_functions(self.platform)

    def _furnish(self) -> None:
        with self.admin_session() as session:
            session.execute(_script("platform.sql"))
        for role, password in self._passwords.items():
            self.change_password(role, password)

    def _described(self) -> Platform:
        platform = Platform(
            ref=self.ref,
            access_token=self.access_token,
            service_key=self.service_key,
            version=self.server.version,
            database=("127.0.0.1", self.server.port),
            pooler=("127.0.0.1", self.pooler.port),
            status=self._options.status,
            scopes=self._options.scopes,
        )
        platform.configs.update(self._options.configs)
        return platform

    def _endpoint(self, user: str, port: int) -> Endpoint:
        return Endpoint(
            host="127.0.0.1", port=port, database="postgres", user=user, sslmode=SslMode.PREFER
        )


def _script(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()
