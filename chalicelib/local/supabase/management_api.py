"""The stand-in's Management API: the published paths that backups and restores ask."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from re import Match
from typing import Any, Final

from chalicelib.local.supabase.edge_functions import (
    EdgeFunction,
    deployed,
    multipart_of,
    opaque_bundle,
)
from chalicelib.local.supabase.http_server import Act, Answer, Asked, Route

REGION: Final = "eu-central-1"
CREATED: Final = "2025-01-01T00:00:00.000000Z"


@dataclass(frozen=True)
class Config:
    """Describe one section: its path below the project, and how it is written."""

    path: str
    method: str
    reads: str
    writes: str


CONFIGS: Final[dict[str, Config]] = {
    "auth": Config("/config/auth", "PATCH", "auth:read", "auth:write"),
    "storage": Config("/config/storage", "PATCH", "storage_config_read", "storage_config_write"),
    "realtime": Config(
        "/config/realtime", "PATCH", "realtime_config_read", "realtime_config_write"
    ),
    "postgrest": Config("/postgrest", "PATCH", "rest:read", "rest:write"),
    "postgres": Config("/config/database/postgres", "PUT", "database:read", "database:write"),
    "ssl_enforcement": Config("/ssl-enforcement", "PUT", "database:read", "database:write"),
    "network_restrictions": Config(
        "/network-restrictions", "PATCH", "projects:read", "projects:write"
    ),
    "sso_providers": Config("/config/auth/sso/providers", "POST", "auth:read", "auth:write"),
    "third_party_auth": Config("/config/auth/third-party-auth", "POST", "auth:read", "auth:write"),
}


def usual_configs() -> dict[str, Any]:
    """Return what a project is set to; secrets of sign-in providers among it."""
    return {
        "auth": {
            "site_url": "https://shop.example.org",
            "jwt_exp": 3600,
            "disable_signup": False,
            "external_github_enabled": True,
            "external_github_client_id": "shop",
            "external_github_secret": "canary-github-31",
            "smtp_host": "mail.example.org",
            "smtp_pass": "canary-smtp-32",
            "mailer_subjects_invite": "Come in",
            "rate_limit_email_sent": 30,
            "password_min_length": 8,
        },
        "storage": {
            "fileSizeLimit": 52_428_800,
            "features": {
                "s3Protocol": {"enabled": True},
                "imageTransformation": {"enabled": False},
            },
            "capabilities": {"list_v2": True},
            "migrationVersion": "prevent-direct-deletes",
            "databasePoolMode": "transaction",
        },
        "realtime": {"private_only": False, "max_concurrent_users": 200},
        "postgrest": {
            "db_schema": "public,graphql_public",
            "max_rows": 1000,
            "db_extra_search_path": "public, extensions",
            "jwt_secret": "canary-jwt-33",
        },
        "postgres": {"statement_timeout": "120s", "max_parallel_workers": 2},
        "ssl_enforcement": {"currentConfig": {"database": False}, "appliedSuccessfully": True},
        "network_restrictions": {
            "entitlement": "allowed",
            "config": {"dbAllowedCidrs": ["0.0.0.0/0"], "dbAllowedCidrsV6": ["::/0"]},
            "status": "applied",
        },
        "sso_providers": {"items": []},
        "third_party_auth": [],
    }


@dataclass
class Platform:
    """Hold what the Management API knows of its one project.

    `scopes` None lets the token do everything; `pooler` and `database` are (host, port).
    """

    ref: str
    access_token: str = field(repr=False)
    service_key: str = field(repr=False)
    version: str
    database: tuple[str, int]
    pooler: tuple[str, int]
    status: str = "ACTIVE_HEALTHY"
    scopes: frozenset[str] | None = None
    configs: dict[str, Any] = field(default_factory=usual_configs)
    functions: dict[str, EdgeFunction] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


def management_routes(platform: Platform) -> list[Route]:
    """Return the routes over one project; every other reference is unknown."""
    fixed: list[tuple[str, str, str, Callable[[Platform, Asked, Match[str]], Answer]]] = [
        ("GET", "", "projects:read", _project),
        ("GET", "/config/database/pooler", "database:read", _pooler),
        ("GET", "/functions", "edge_functions:read", _functions),
        ("GET", "/functions/([^/]+)", "edge_functions:read", _function),
        ("GET", "/functions/([^/]+)/body", "edge_functions:read", _body),
        ("POST", "/functions/deploy", "edge_functions:write", _deploy),
        ("DELETE", "/functions/([^/]+)", "edge_functions:write", _forget_function),
        ("GET", "/secrets", "secrets:read", _secrets),
        ("POST", "/secrets", "secrets:write", _set_secrets),
        ("GET", "/api-keys", "secrets:read", _api_keys),
    ]
    routes = [
        Route(method, f"/v1/projects/([^/]+){path}", _guarded(platform, scope, act))
        for method, path, scope, act in fixed
    ]
    for name, config in CONFIGS.items():
        path = f"/v1/projects/([^/]+){config.path}"
        routes.append(Route("GET", path, _guarded(platform, config.reads, _reading(name))))
        write = _guarded(platform, config.writes, _writing(name))
        routes.append(Route(config.method, path, write))
    return routes


def _guarded(
    platform: Platform, scope: str, act: Callable[[Platform, Asked, Match[str]], Answer]
) -> Act:
    def guarded(asked: Asked, match: Match[str]) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {platform.access_token}":
            return _refused("Unauthorized", HTTPStatus.UNAUTHORIZED)
        if match[1] != platform.ref:
            return _refused("Project not found", HTTPStatus.NOT_FOUND)
        if platform.scopes is not None and scope not in platform.scopes:
            message = "Your account does not have the necessary privileges to access this endpoint."
            return _refused(message, HTTPStatus.FORBIDDEN)
        with platform.lock:
            return act(platform, asked, match)

    return guarded


def _refused(message: str, status: HTTPStatus) -> Answer:
    return Answer.document({"message": message}, status)


def _project(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
    del asked, match
    return Answer.document(
        {
            "id": platform.ref,
            "ref": platform.ref,
            "organization_id": "stand-in",
            "name": "shop",
            "region": REGION,
            "created_at": CREATED,
            "status": platform.status,
            "database": {
                "host": platform.database[0],
                "version": platform.version,
                "postgres_engine": platform.version.partition(".")[0],
                "release_channel": "ga",
            },
        }
    )


def _pooler(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
    del asked, match
    host, port = platform.pooler
    user = f"postgres.{platform.ref}"
    url = f"postgresql://{user}:[YOUR-PASSWORD]@{host}:{port}/postgres"
    return Answer.document(
        [
            {
                "identifier": platform.ref,
                "database_type": "PRIMARY",
                "is_using_scram_auth": True,
                "db_user": user,
                "db_host": host,
                "db_port": port,
                "db_name": "postgres",
                "connection_string": url,
                "default_pool_size": 15,
                "max_client_conn": 200,
                "pool_mode": "transaction",
            }
        ]
    )


def _functions(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
    del asked, match
    return Answer.document([one.metadata for one in platform.functions.values()])


def _function(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
    del asked
    found = platform.functions.get(match[2])
    return _no_function() if found is None else Answer.document(found.metadata)


def _body(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
    found = platform.functions.get(match[2])
    if found is None:
        return _no_function()
    if "multipart/form-data" in asked.headers.get("accept", ""):
        body, content_type = multipart_of(found)
        return Answer(body=body, headers={"Content-Type": content_type})
    return Answer(body=opaque_bundle(found), headers={"Content-Type": "application/octet-stream"})


def _deploy(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
    del match
    slug = asked.query.get("slug", "")
    earlier = platform.functions.get(slug)
    content_type = asked.headers.get("content-type", "")
    made = deployed(slug, earlier, content_type, asked.read())
    if made is None:
        return _refused("metadata and at least one file are required", HTTPStatus.BAD_REQUEST)
    if asked.query.get("bundleOnly") != "true":
        platform.functions[slug] = made
    return Answer.document(made.metadata, HTTPStatus.CREATED)


def _forget_function(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
    del asked
    return _no_function() if platform.functions.pop(match[2], None) is None else Answer.document({})


def _no_function() -> Answer:
    return _refused("Function not found", HTTPStatus.NOT_FOUND)


def _secrets(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
    del asked, match
    return Answer.document(
        [
            {"name": name, "value": _digest(value), "updated_at": CREATED}
            for name, value in sorted(platform.secrets.items())
        ]
    )


def _set_secrets(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
    del match
    platform.secrets.update({one["name"]: one["value"] for one in asked.json()})
    return Answer(HTTPStatus.CREATED)


def _api_keys(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
    del match
    shown = asked.query.get("reveal") == "true"
    key = platform.service_key if shown else platform.service_key[:6]
    return Answer.document(
        [
            {"name": "anon", "api_key": "stand-in-anon-key", "type": "legacy"},
            {"name": "service_role", "api_key": key, "type": "legacy"},
        ]
    )


def _reading(name: str) -> Callable[[Platform, Asked, Match[str]], Answer]:
    def read(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
        del asked, match
        return Answer.document(platform.configs[name])

    return read


def _writing(name: str) -> Callable[[Platform, Asked, Match[str]], Answer]:
    def write(platform: Platform, asked: Asked, match: Match[str]) -> Answer:
        del match
        sent, config = asked.json(), platform.configs[name]
        if not isinstance(sent, Mapping) or not isinstance(config, dict):
            return _refused("Bad Request", HTTPStatus.BAD_REQUEST)
        # the platform answers 400 to fields that it does not know
        unknown = sorted(set(sent) - set(config))
        if unknown:
            return _refused(f"{unknown[0]}: Unrecognized key", HTTPStatus.BAD_REQUEST)
        config.update(json.loads(json.dumps(sent)))
        return Answer.document(config)

    return write


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
