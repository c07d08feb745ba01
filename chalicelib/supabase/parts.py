"""Say what a backup takes of a project's database: one scope, parts beside it, readings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from chalicelib.domain.backup import BackupOptions, BackupType, Component
from chalicelib.domain.dump_scope import DumpPart, DumpScope, Reading
from chalicelib.domain.role_statements import ROLES, RoleRules, roles_query
from chalicelib.domain.storage_file import OBJECTS
from chalicelib.domain.supabase import (
    DUMPED_BESIDE,
    KEPT_ROLE_SETTING_PREFIXES,
    KEPT_ROLE_SETTINGS,
    MANAGED_SCHEMAS,
    RESERVED_ROLE_PREFIXES,
    RESERVED_ROLES,
    SHORT_LIVED_AUTH,
    SupabaseSettings,
)
from chalicelib.platform_ports import Extent
from chalicelib.supabase.catalogue_queries import CATALOGUE_READINGS

MANAGED: Final = "managed.dump"
AUTH: Final = "auth.dump"
STORAGE: Final = "storage.dump"

TIMESCALE_SCHEMAS: Final = (
    "_timescaledb_cache",
    "_timescaledb_catalog",
    "_timescaledb_config",
    "_timescaledb_debug",
    "_timescaledb_functions",
    "_timescaledb_internal",
    "timescaledb_experimental",
    "timescaledb_information",
)
MAIN_SCOPE: Final = DumpScope(
    exclude_schemas=(*MANAGED_SCHEMAS, *TIMESCALE_SCHEMAS), may_lack_large_objects=True
)
"""What users made. A role for backups alone owns no large objects, and no right reads others'."""

MANAGED_PART: Final = DumpPart(MANAGED, BackupType.SCHEMA, DumpScope(schemas=DUMPED_BESIDE))
STORAGE_PART: Final = DumpPart(
    STORAGE, BackupType.DATA, DumpScope(tables=(("storage", "buckets"), ("storage", "objects")))
)
"""Never the tables of vectors and migrations: nobody but the platform can write them again."""

ROLE_RULES: Final = RoleRules(
    reserved=tuple(sorted(RESERVED_ROLES)),
    reserved_prefixes=RESERVED_ROLE_PREFIXES,
    kept_settings=tuple(sorted(KEPT_ROLE_SETTINGS)),
    kept_prefixes=KEPT_ROLE_SETTING_PREFIXES,
)

# collation C: the order of the listings must be the same wherever they are compared
STORAGE_OBJECTS: Final = """
SELECT json_build_object('bucket', o.bucket_id, 'name', o.name, 'version', o.version,
       'size_bytes', (o.metadata ->> 'size')::bigint, 'etag', o.metadata ->> 'eTag',
       'content_type', o.metadata ->> 'mimetype', 'cache_control', o.metadata ->> 'cacheControl'
       )::text
  FROM storage.objects o
 ORDER BY o.bucket_id COLLATE "C", o.name COLLATE "C", o.version COLLATE "C" NULLS FIRST
"""


def extent(settings: SupabaseSettings, options: BackupOptions) -> Extent:
    """Return what these components take of the database, all under one snapshot."""
    return Extent(
        MAIN_SCOPE, tuple(_parts(settings, options)), tuple(_readings(options.components))
    )


def _parts(settings: SupabaseSettings, options: BackupOptions) -> Iterator[DumpPart]:
    yield MANAGED_PART
    if Component.AUTH in options.components:
        yield auth_part(short_lived=settings.short_lived_auth)
    if Component.STORAGE in options.components:
        yield STORAGE_PART


def auth_part(*, short_lived: bool) -> DumpPart:
    """Return the part with the rows of schema auth; its migrations are the platform's."""
    left_out = ("schema_migrations", *(() if short_lived else SHORT_LIVED_AUTH))
    tables = tuple(("auth", name) for name in left_out)
    return DumpPart(AUTH, BackupType.DATA, DumpScope(schemas=("auth",), exclude_tables=tables))


def _readings(components: tuple[Component, ...]) -> Iterator[Reading]:
    yield from CATALOGUE_READINGS
    if Component.ROLES in components:
        yield Reading(ROLES, roles_query(ROLE_RULES))
    if Component.STORAGE in components:
        yield Reading(OBJECTS, STORAGE_OBJECTS, needs=("storage", "objects"))
