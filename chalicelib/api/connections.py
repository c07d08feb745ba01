"""Connections out of requests: what a project's URL or fields say, completed and checked."""

from __future__ import annotations

from chalicelib.api.requests.projects import ConnectionFields, ProjectPatch
from chalicelib.domain.connection import (
    Connection,
    Endpoint,
    check_host,
    default_sslmode,
    parse_url,
)
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.supabase_url import refuse_transaction_pooler
from chalicelib.services.projects import ProjectChanges

_PARTS = frozenset(Endpoint.model_fields)


def new_connection(fields: ConnectionFields) -> Connection:
    """Return the connection that a URL or single fields describe.

    A password beside a URL goes before the one in it, which may be a provider's placeholder.
    """
    password = fields.password.get_secret_value() if fields.password else ""
    if fields.url is not None:
        pasted = parse_url(fields.url.get_secret_value())
        return checked(Connection(pasted.endpoint, password or pasted.password))
    given = _given(fields)
    given.setdefault("sslmode", default_sslmode(str(given.get("host"))))
    return checked(Connection(Endpoint.model_validate(given), password))


def changed_connection(current: Endpoint, fields: ProjectPatch) -> ProjectChanges:
    """Return the changes of endpoint and password, where there are any.

    A URL replaces the whole endpoint; one without password leaves the stored password in place.
    """
    if fields.url is not None:
        connection = new_connection(fields)
        return ProjectChanges(endpoint=connection.endpoint, password=connection.password or None)
    # TLS stays as it was even for another host: what was asked for once is not weakened silently.
    given = _given(fields) | dict.fromkeys(fields.cleared & _PARTS)
    endpoint = Endpoint.model_validate(current.model_dump() | given) if given else None
    password = fields.password.get_secret_value() if fields.password is not None else None
    checked(Connection(endpoint or current, password or ""))
    return ProjectChanges(endpoint=endpoint, password=password)


def _given(fields: ConnectionFields) -> dict[str, object]:
    return {name: getattr(fields, name) for name in fields.connection_fields & _PARTS}


def checked(connection: Connection) -> Connection:
    """Return the connection; InvalidRequest for what cannot be dumped through."""
    check_host(connection.endpoint.host)
    refuse_transaction_pooler(connection.endpoint)
    if any(character in connection.password for character in "\x00\r\n"):
        # libpq's password file has one line per server
        raise InvalidRequest("the password holds a line break or NUL", field="password")
    return connection
