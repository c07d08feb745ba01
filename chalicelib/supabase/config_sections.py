"""The sections of a project's configuration that the Management API gives."""

from __future__ import annotations

from typing import Final

from chalicelib.supabase.management import PROJECT, Question, Scope

CONFIG_SECTIONS: Final[dict[str, Question]] = {
    "auth": Question(
        "the auth configuration", "/config/auth", Scope("auth:read", "auth_config_read")
    ),
    "sso_providers": Question(
        "the SSO providers",
        "/config/auth/sso/providers",
        Scope("auth:read", "auth_config_read"),
    ),
    "third_party_auth": Question(
        "the third-party auth",
        "/config/auth/third-party-auth",
        Scope("auth:read", "auth_config_read"),
    ),
    "storage": Question(
        "the storage configuration", "/config/storage", Scope(None, "storage_config_read")
    ),
    "realtime": Question(
        "the realtime configuration", "/config/realtime", Scope(None, "realtime_config_read")
    ),
    "postgrest": Question(
        "the API configuration", "/postgrest", Scope("rest:read", "data_api_config_read")
    ),
    "postgres": Question(
        "the database configuration",
        "/config/database/postgres",
        Scope("database:read", "database_config_read"),
    ),
    "network_restrictions": Question(
        "the network restrictions",
        "/network-restrictions",
        Scope(PROJECT.oauth, "database_network_restrictions_read"),
    ),
    "ssl_enforcement": Question(
        "the enforcement of TLS",
        "/ssl-enforcement",
        Scope("database:read", "database_ssl_config_read"),
    ),
}
"""By the name of the section; each is one GET."""
