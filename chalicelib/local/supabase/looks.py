"""Look at a project the way its users do, so that two projects can be compared.

Nothing here knows what a backup holds: users are asked for by their addresses, policies are met as
anon and as somebody who signed in, files come over REST, functions from the Management API.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Final, LiteralString
from urllib.parse import quote

import httpx
import psycopg

from chalicelib.domain.errors import Internal
from chalicelib.engine.connection import Session, open_session
from chalicelib.local.supabase.stand_in import SETTLING, SupabaseStandIn

FIRST_USER: Final = "00000000-0000-4000-8000-000000000001"
TIMEOUT_S: Final = 30.0

OF_THE_OWNER: Final[dict[str, LiteralString]] = {
    "users": "SELECT email || ' ' || encrypted_password FROM auth.users ORDER BY email",
    "identities": "SELECT provider || ' ' || email FROM auth.identities ORDER BY 1",
    "materialized view": "SELECT entries || ' ' || total FROM private.balance",
    "large objects": "SELECT encode(lo_get(oid), 'hex') FROM pg_largeobject_metadata ORDER BY 1",
}
OF_A_VISITOR: Final[dict[str, LiteralString]] = {
    "profiles": "SELECT handle::text FROM public.profiles ORDER BY 1",
    "orders": 'SELECT remark FROM public."Order Items" ORDER BY 1',
    "removing orders": 'DELETE FROM public."Order Items" RETURNING remark',
    "names of files": "SELECT bucket_id || '/' || name FROM storage.objects ORDER BY 1",
}
VISITORS: Final = {"anon": "{}", "authenticated": json.dumps({"sub": FIRST_USER})}
BECOME: Final = """
SELECT set_config('row_security', 'on', true), set_config('request.jwt.claims', %s, true),
       set_config('role', %s, true)
"""
SIGN_UP: Final = "INSERT INTO auth.users (id, email) VALUES (gen_random_uuid(), 'new@example.org')"
WELCOMED: Final = "SELECT count(*)::text FROM public.profiles WHERE handle::text = 'new'"
FILES: Final = "SELECT bucket_id, name FROM storage.objects ORDER BY 1, 2"


def looks(project: SupabaseStandIn) -> dict[str, str]:
    """Return what there is to see, by what was looked at; changes nothing."""
    headers = {"Authorization": f"Bearer {project.access_token}"}
    with (
        closing(project.owner_session()) as owner,
        httpx.Client(base_url=project.api_url, headers=headers, timeout=TIMEOUT_S) as http,
    ):
        return {
            **{what: _told(owner, question) for what, question in OF_THE_OWNER.items()},
            **_as_visitors(project),
            "profile of a new user": _signed_up(project),
            **dict(_files(project, owner, http)),
            **dict(_functions(project, http)),
        }


def _told(session: Session, question: LiteralString) -> str:
    rows = [str(row[0]) for row in session.execute(question)]
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    return f"{len(rows)} rows, sha256 {digest[:16]}"


def _as_visitors(project: SupabaseStandIn) -> dict[str, str]:
    return {
        f"{what} as {role}": _as_visitor(project, role, question)
        for role in VISITORS
        for what, question in OF_A_VISITOR.items()
    }


def _as_visitor(project: SupabaseStandIn, role: str, question: LiteralString) -> str:
    connection = project.connection_as("authenticator")
    with closing(open_session(connection, SETTLING)) as session:
        session.execute("BEGIN")
        session.execute(BECOME, (VISITORS[role], role))
        try:
            return _told(session, question)
        except psycopg.errors.InsufficientPrivilege:
            return "permission denied"


def _signed_up(project: SupabaseStandIn) -> str:
    """Sign a user up, see whether the user's own trigger noticed, and take it back."""
    with closing(project.admin_session()) as session:
        session.execute("BEGIN")
        session.execute(SIGN_UP)
        row = session.execute(WELCOMED).fetchone()
        return str(row[0]) if row else "0"


def _files(
    project: SupabaseStandIn, owner: Session, http: httpx.Client
) -> Iterator[tuple[str, str]]:
    headers = {"Authorization": f"Bearer {project.service_key}"}
    for bucket, name in owner.execute(FILES).fetchall():
        path = f"/storage/v1/object/{quote(bucket, safe='')}/{quote(name)}"
        answer = http.get(path, headers=headers)
        _require(answer)
        digest = hashlib.sha256(answer.content).hexdigest()
        yield f"file {bucket}/{name}", f"{len(answer.content)} bytes, sha256 {digest[:16]}"


def _functions(project: SupabaseStandIn, http: httpx.Client) -> Iterator[tuple[str, str]]:
    answer = http.get(f"/v1/projects/{project.ref}/functions")
    _require(answer)
    for one in answer.json():
        yield f"function {one['slug']}", f"{one['ezbr_sha256'][:16]}, jwt {one['verify_jwt']}"


def _require(answer: httpx.Response) -> None:
    if answer.is_error:
        raise Internal(f"the stand-in answered with status {answer.status_code}")
