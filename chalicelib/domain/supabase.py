"""A Supabase project: its reference, where it is reached, and what of it is backed up.

What of its database belongs to the platform is said here once, for the dump, the test and the
restore: by exact names, for a pattern would also fit what a user called so.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from chalicelib.domain.backup import Component, Value

API_URL: Final = "https://api.supabase.com"
"""The Management API of the platform."""

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
REF: Final = re.compile(r"[a-z]{20}")

DUMPED_BESIDE: Final = ("auth", "storage", "supabase_functions", "realtime")
"""Schemas of the platform whose definitions go into `managed.dump`, for proofs only."""

MANAGED_SCHEMAS: Final = (
    *DUMPED_BESIDE,
    "_analytics",
    "_realtime",
    "_supavisor",
    "cron",
    "dbdev",
    "etl",
    "extensions",
    "graphql",
    "graphql_public",
    "net",
    "pgbouncer",
    "pgmq",
    "pgsodium",
    "pgsodium_masks",
    "pgtle",
    "repack",
    "supabase_migrations",
    "tiger",
    "tiger_data",
    "topology",
    "vault",
)
"""Every schema of the platform, as its own command line leaves them out of a dump of definitions;
pg_*, information_schema and timescaledb's are left out besides."""

MANAGED_PREFIXES: Final = ("timescaledb_", "_timescaledb_")

RESERVED_ROLES: Final = frozenset(
    {
        "anon",
        "authenticated",
        "authenticator",
        "dashboard_user",
        "pgbouncer",
        "pgsodium_keyholder",
        "pgsodium_keyiduser",
        "pgsodium_keymaker",
        "pgtle_admin",
        "postgres",
        "service_role",
    }
)
RESERVED_ROLE_PREFIXES: Final = ("cli_login_", "pg_", "supabase_")

KEPT_ROLE_SETTINGS: Final = frozenset(
    {"session_replication_role", "statement_timeout", "track_io_timing"}
)
"""Settings that are a user's to choose even on reserved roles, with those of the next line."""

KEPT_ROLE_SETTING_PREFIXES: Final = ("pgaudit.", "pgrst.")

SHORT_LIVED_AUTH: Final = (
    "audit_log_entries",
    "flow_state",
    "mfa_challenges",
    "oauth_client_states",
    "one_time_tokens",
    "saml_relay_states",
    "webauthn_challenges",
)
"""Tables of schema auth that nobody misses after a day, or that only grow."""


class StorageAccess(StrEnum):
    """Say by which door the files of Storage are read."""

    REST = "rest"
    S3 = "s3"


class WhenObjectGone(StrEnum):
    """Say what becomes of a backup when a file vanished between its row and its copy."""

    RECORD = "record"
    FAIL = "fail"


class Reached(StrEnum):
    """Say how the database of a project is reached."""

    RESOLVED = "resolved"
    """By what the Management API says: the session pooler, or directly where that works."""
    GIVEN = "given"
    """By the address that the caller gave."""


def is_reserved_role(name: str) -> bool:
    """Tell whether a role is the platform's."""
    return name in RESERVED_ROLES or name.startswith(RESERVED_ROLE_PREFIXES)


def is_managed_schema(name: str) -> bool:
    """Tell whether a schema is the platform's."""
    return name in MANAGED_SCHEMAS or name.startswith(MANAGED_PREFIXES)


def check_ref(ref: str) -> str:
    """Return a project's reference; ValueError for what cannot be one."""
    if REF.fullmatch(ref) is None:
        raise ValueError("should be the project's reference: 20 small letters")
    return ref


def check_api_url(url: str) -> str:
    """Return the URL of a Management API without its last slash; ValueError where none may be.

    Tokens go there, so it is the platform's own or one on this machine.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError("should be a URL with host and port") from error
    bare = f"{parts.scheme}://{parts.netloc}" if parts.path in {"", "/"} else ""
    if bare == API_URL:
        return bare
    is_plain = bare == url.removesuffix("/") and "@" not in parts.netloc
    if is_plain and parts.scheme == "http" and parts.hostname in LOOPBACK and port:
        return bare
    raise ValueError(f"should be {API_URL}, or http with the address of this machine and a port")


ProjectRef = Annotated[
    str, Field(json_schema_extra={"pattern": "^[a-z]{20}$"}), AfterValidator(check_ref)
]
ApiUrl = Annotated[str, Field(max_length=200), AfterValidator(check_api_url)]


class SupabaseSettings(Value):
    """Say which Supabase project stands behind a project, and how it is backed up.

    `components` are taken where a backup names none. Those in `optional` are left out, with the
    reason, where they cannot be taken; any other that cannot be fails the backup.
    """

    ref: ProjectRef
    api_url: ApiUrl = API_URL
    reached: Reached = Reached.RESOLVED
    storage_access: StorageAccess = StorageAccess.REST
    components: Annotated[tuple[Component, ...], Field(min_length=1, max_length=6)] = tuple(
        Component
    )
    optional: Annotated[tuple[Component, ...], Field(max_length=6)] = ()
    short_lived_auth: bool = False
    when_object_gone: WhenObjectGone = WhenObjectGone.RECORD

    @property
    def is_local(self) -> bool:
        """Whether this is a stand-in on this machine and not the platform."""
        return self.api_url != API_URL

    @property
    def direct_host(self) -> str:
        """The name of the database's own host, which has an IPv6 address only as a rule."""
        return f"db.{self.ref}.supabase.co"

    @property
    def storage_url(self) -> str:
        """Where Storage's REST interface is; a stand-in has it beside its Management API."""
        base = self.api_url if self.is_local else f"https://{self.ref}.supabase.co"
        return f"{base}/storage/v1"

    @property
    def storage_s3_url(self) -> str:
        """Where Storage speaks S3, with addresses in the path."""
        if self.is_local:
            return f"{self.storage_url}/s3"
        return f"https://{self.ref}.storage.supabase.co/storage/v1/s3"
