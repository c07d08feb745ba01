"""The SQL that makes an account which may read everything and change nothing."""

from __future__ import annotations

from typing import Final

READER: Final = "holdfast_reader"
"""One name everywhere, so that whoever meets it in a list of roles knows whose it is."""
_PASSWORD: Final = "<password>"  # noqa: S105 - the place of one
_SQL: Final = """\
CREATE ROLE holdfast_reader LOGIN PASSWORD '<password>';
GRANT pg_read_all_data TO holdfast_reader;
-- Without this, tables with row security would give up part of their rows.
ALTER ROLE holdfast_reader BYPASSRLS;
-- Large objects are granted one by one; leave this out where there are none.
DO $$ DECLARE one oid; BEGIN
  FOR one IN SELECT oid FROM pg_largeobject_metadata LOOP
    EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO holdfast_reader', one);
  END LOOP;
END $$;
"""

_SUPABASE_SQL: Final = """\
CREATE ROLE holdfast_reader WITH LOGIN BYPASSRLS PASSWORD '<password>';
GRANT pg_read_all_data TO holdfast_reader;
ALTER ROLE holdfast_reader SET default_transaction_read_only TO on;
-- Large objects are granted one by one, and only those that are yours.
DO $$ DECLARE one oid; BEGIN
  FOR one IN SELECT oid FROM pg_largeobject_metadata WHERE pg_has_role(lomowner, 'USAGE') LOOP
    EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO holdfast_reader', one);
  END LOOP;
END $$;
"""


def reader_sql(password: str) -> str:
    """Return the statements for PostgreSQL 14 and newer; a superuser runs them in the database.

    The password must be of letters that SQL does not read, as generated ones are.
    """
    return _SQL.replace(_PASSWORD, password)


def supabase_reader_sql(password: str) -> str:
    """Return the same for a Supabase project, whose owner is no superuser; for its SQL editor.

    Read-only by default, so that whoever finds the password changes nothing by mistake.
    """
    return _SUPABASE_SQL.replace(_PASSWORD, password)
