"""The role that backs a project up with the least rights, as SQL for the dashboard's editor."""

from __future__ import annotations

import re
from typing import Final

from chalicelib.domain.errors import InvalidRequest

READER: Final = "backup_reader"
ROLE_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def reader_role_sql(password: str, role: str = READER) -> str:
    """Return the statements that make the role; the password stands in them in the clear.

    BYPASSRLS, because a dump refuses to leave rows out silently. Read-only by default, so that a
    mistake with the password changes nothing; it reads all data, so keep it like the owner's.
    """
    if ROLE_NAME.fullmatch(role) is None:
        raise InvalidRequest("a role's name has small letters, digits and _ only", field="role")
    quoted = password.replace("'", "''")
    return (
        f"CREATE ROLE {role} WITH LOGIN BYPASSRLS PASSWORD '{quoted}';\n"
        f"GRANT pg_read_all_data TO {role};\n"
        f"ALTER ROLE {role} SET default_transaction_read_only TO on;\n"
    )
