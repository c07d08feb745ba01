"""A Supabase project: its reference, where it is reached, and what of it is backed up.

What of its database belongs to the platform is said here once, for the dump, the test and the
restore: by exact names, for a pattern would also fit what a user called so.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from chalicelib.domain.backup import Component, Value

API_URL: Final = "https://api.supabase.com"
"""The Management API of the platform."""

REF: Final = "[a-z]{20}"
_PORT: Final = (
    "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)

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
    """By the session pooler that the Management API names, else directly where that works."""
    DIRECT = "direct"
    """Directly where that works, else by the session pooler."""
    GIVEN = "given"
    """By the address that the caller gave, and no other."""


def is_reserved_role(name: str) -> bool:
    """Tell whether a role is the platform's."""
    return name in RESERVED_ROLES or name.startswith(RESERVED_ROLE_PREFIXES)


def is_managed_schema(name: str) -> bool:
    """Tell whether a schema is the platform's."""
    return name in MANAGED_SCHEMAS or name.startswith(MANAGED_PREFIXES)


ProjectRef = Annotated[str, Field(pattern=f"^{REF}$")]
"""The project's reference, which all its addresses are made of."""

ApiUrl = Annotated[
    str,
    Field(pattern=rf"^(?:https://api\.supabase\.com|http://(?:127\.0\.0\.1|localhost):{_PORT})$"),
]
"""A Management API. Tokens go there, so it is the platform's own or a stand-in on this machine."""


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
