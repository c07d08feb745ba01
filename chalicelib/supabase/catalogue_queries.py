"""What no archive holds of a project's database: the questions of `catalogue.jsonl`.

Each answers lines of JSON, `kind` first. Every name in a definition is qualified, because the
session has an empty search_path. Of a secret nothing but its name is asked for.
"""

from __future__ import annotations

from typing import Final

from chalicelib.domain.dump_scope import Reading, TableName

CATALOGUE: Final = "catalogue.jsonl"

EXTENSIONS: Final = """
SELECT json_build_object('kind', 'extension', 'name', e.extname, 'version', e.extversion,
       'schema', n.nspname)::text
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
 ORDER BY e.extname
"""
# the platform's own triggers call functions of the schema that the table is in
TRIGGERS: Final = """
SELECT json_build_object('kind', 'trigger', 'schema', n.nspname, 'table', c.relname,
       'name', t.tgname, 'enabled', t.tgenabled, 'function', format('%I.%I', fn.nspname, p.proname),
       'definition', pg_get_triggerdef(t.oid))::text
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  JOIN pg_catalog.pg_namespace fn ON fn.oid = p.pronamespace
 WHERE NOT t.tgisinternal AND n.nspname IN ('auth', 'storage', 'realtime')
   AND p.pronamespace <> c.relnamespace
 ORDER BY n.nspname, c.relname, t.tgname
"""
POLICIES: Final = """
SELECT json_build_object('kind', 'policy', 'schema', p.schemaname, 'table', p.tablename,
       'name', p.policyname, 'permissive', p.permissive = 'PERMISSIVE', 'command', p.cmd,
       'roles', to_json(p.roles), 'using', p.qual, 'with_check', p.with_check,
       'definition', format('CREATE POLICY %I ON %I.%I AS %s FOR %s TO %s', p.policyname,
           p.schemaname, p.tablename, p.permissive, p.cmd, (SELECT string_agg(
               CASE WHEN one.name = 'public' THEN 'PUBLIC' ELSE quote_ident(one.name) END, ', ')
               FROM unnest(p.roles) AS one(name)))
           || coalesce(' USING (' || p.qual || ')', '')
           || coalesce(' WITH CHECK (' || p.with_check || ')', ''))::text
  FROM pg_catalog.pg_policies p WHERE p.schemaname IN ('auth', 'storage', 'realtime')
 ORDER BY p.schemaname, p.tablename, p.policyname
"""
# as a row of JSON: older versions of the extension have no names of jobs
CRON_JOBS: Final = """
SELECT json_build_object('kind', 'cron_job', 'id', j.jobid, 'name', to_jsonb(j) ->> 'jobname',
       'schedule', j.schedule, 'command', j.command, 'active', to_jsonb(j) -> 'active',
       'database', to_jsonb(j) ->> 'database', 'username', to_jsonb(j) ->> 'username',
       'call', format('SELECT cron.schedule(%s%L, %L);',
           coalesce(quote_literal(to_jsonb(j) ->> 'jobname') || ', ', ''), j.schedule, j.command)
       )::text
  FROM cron.job j ORDER BY j.jobid
"""
PUBLICATIONS: Final = """
SELECT json_build_object('kind', 'publication', 'name', p.pubname,
       'owner', pg_get_userbyid(p.pubowner), 'all_tables', p.puballtables, 'insert', p.pubinsert,
       'update', p.pubupdate, 'delete', p.pubdelete, 'truncate', p.pubtruncate,
       'via_root', p.pubviaroot)::text
  FROM pg_catalog.pg_publication p ORDER BY p.pubname
"""
PUBLICATION_TABLES: Final = """
SELECT json_build_object('kind', 'publication_table', 'publication', p.pubname,
       'schema', n.nspname, 'table', c.relname,
       'columns', (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs)),
       'where', pg_get_expr(r.prqual, r.prrelid))::text
  FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
  JOIN pg_catalog.pg_class c ON c.oid = r.prrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 ORDER BY p.pubname, n.nspname, c.relname
"""
PUBLICATION_SCHEMAS: Final = """
SELECT json_build_object('kind', 'publication_schema', 'publication', p.pubname,
       'schema', n.nspname)::text
  FROM pg_catalog.pg_publication_namespace s
  JOIN pg_catalog.pg_publication p ON p.oid = s.pnpubid
  JOIN pg_catalog.pg_namespace n ON n.oid = s.pnnspid
 ORDER BY p.pubname, n.nspname
"""
MATERIALIZED_VIEWS: Final = """
SELECT json_build_object('kind', 'materialized_view', 'schema', v.schemaname,
       'name', v.matviewname, 'populated', v.ispopulated)::text
  FROM pg_catalog.pg_matviews v ORDER BY v.schemaname, v.matviewname
"""
DEFAULT_PRIVILEGES: Final = """
SELECT json_build_object('kind', 'default_privilege', 'role', pg_get_userbyid(d.defaclrole),
       'schema', n.nspname, 'objects', d.defaclobjtype,
       'grantee', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END,
       'privilege', a.privilege_type, 'grantable', a.is_grantable)::text
  FROM pg_catalog.pg_default_acl d
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
 WHERE d.defaclnamespace = 0 OR n.nspname = 'public'
 ORDER BY 1
"""
EVENT_TRIGGERS: Final = """
SELECT json_build_object('kind', 'event_trigger', 'name', e.evtname,
       'owner', pg_get_userbyid(e.evtowner), 'event', e.evtevent, 'tags', to_json(e.evttags),
       'enabled', e.evtenabled, 'function', format('%I.%I', n.nspname, p.proname))::text
  FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 ORDER BY e.evtname
"""
LARGE_OBJECTS: Final = """
SELECT json_build_object('kind', 'large_objects', 'count', count(*))::text
  FROM pg_catalog.pg_largeobject_metadata
"""
VAULT_SECRETS: Final = """
SELECT json_build_object('kind', 'vault_secret', 'name', to_jsonb(s) ->> 'name',
       'description', to_jsonb(s) ->> 'description')::text
  FROM vault.secrets s ORDER BY 1
"""
SECURED_TABLES: Final = """
SELECT json_build_object('kind', 'rls_table', 'schema', n.nspname, 'table', c.relname,
       'forced', c.relforcerowsecurity)::text
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relrowsecurity ORDER BY n.nspname, c.relname
"""
# applications keep secrets in settings of the database: those are told by their names
DATABASE_SETTINGS: Final = r"""
SELECT json_build_object('kind', 'database_setting', 'name', split_part(c.one, '=', 1),
       'value', substr(c.one, strpos(c.one, '=') + 1))::text
  FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase,
       unnest(s.setconfig) AS c(one)
 WHERE s.setrole = 0 AND d.datname = current_database()
   AND split_part(c.one, '=', 1) !~ '(secret|_key|password|token)s?$'
 ORDER BY 1
"""
MIGRATIONS: Final = """
SELECT json_build_object('kind', 'migration', 'row', to_jsonb(m))::text
  FROM supabase_migrations.schema_migrations m ORDER BY to_jsonb(m) ->> 'version'
"""

SINCE_15: Final = ("pg_catalog", "pg_publication_namespace")
"""A relation of PostgreSQL 15 and newer; older ones have neither lists of columns nor schemas."""

_QUESTIONS: Final[tuple[tuple[str, TableName | None], ...]] = (
    (EXTENSIONS, None),
    (TRIGGERS, None),
    (POLICIES, None),
    (CRON_JOBS, ("cron", "job")),
    (PUBLICATIONS, None),
    (PUBLICATION_TABLES, SINCE_15),
    (PUBLICATION_SCHEMAS, SINCE_15),
    (MATERIALIZED_VIEWS, None),
    (DEFAULT_PRIVILEGES, None),
    (EVENT_TRIGGERS, None),
    (LARGE_OBJECTS, None),
    (VAULT_SECRETS, ("vault", "secrets")),
    (SECURED_TABLES, None),
    (DATABASE_SETTINGS, None),
    (MIGRATIONS, ("supabase_migrations", "schema_migrations")),
)
CATALOGUE_READINGS: Final = tuple(Reading(CATALOGUE, sql, needs) for sql, needs in _QUESTIONS)
