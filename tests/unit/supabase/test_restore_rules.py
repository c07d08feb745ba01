"""Small decisions of a restore into a project: roles, columns, grants, forms, addresses."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.proof import Difference
from chalicelib.domain.restore import MAX_NOTES, Comparison
from chalicelib.domain.role_statements import unquoted
from chalicelib.domain.storage_file import StorageFile
from chalicelib.postgres_ports import RestoreFile
from chalicelib.restore_ports import Entry
from chalicelib.supabase.restore.backup import catalogue_of, lines_of
from chalicelib.supabase.restore.catalogue import read_catalogue
from chalicelib.supabase.restore.checks import claims_of, granted
from chalicelib.supabase.restore.preflight import columns_of
from chalicelib.supabase.restore.roles import plan_roles, quoted
from chalicelib.supabase.restore.services import entrypoint_of, form_of
from chalicelib.supabase.restore.tally import Tally
from chalicelib.supabase.restore.upload import address_of

NAMES = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def entry(**fields: Any) -> Entry:
    usual = {"dump_id": 1, "kind": "ACL", "schema": "public", "name": "TABLE orders"}
    return Entry(**{**usual, "owner": "postgres", "section": "none", **fields})


# roles ----------------------------------------------------------------------------------------


def test_roles_that_are_there_keep_what_they_are() -> None:
    lines = [
        "CREATE ROLE team;",
        "CREATE ROLE fresh LOGIN;",
        "ALTER ROLE team SET work_mem TO '1';",
    ]

    plan = plan_roles(lines, {"team", "anon"})

    assert plan.present == ("team",)
    assert plan.created == {"fresh"}
    assert plan.passwords == ("fresh",)
    assert [step.statement for step in plan.steps] == lines[1:]


@pytest.mark.parametrize(
    ("statement", "fallback"),
    [
        ("CREATE ROLE a BYPASSRLS LOGIN;", "CREATE ROLE a LOGIN;"),
        ("CREATE ROLE a SUPERUSER REPLICATION;", "CREATE ROLE a;"),
        ("CREATE ROLE a CREATEDB;", None),
    ],
)
def test_what_only_a_superuser_may_say_has_a_way_round(
    statement: str, fallback: str | None
) -> None:
    assert plan_roles([statement], ()).steps[0].fallback == fallback


def test_a_line_that_is_no_statement_about_a_role_is_refused() -> None:
    with pytest.raises(IntegrityFailed, match="no statement about a role"):
        plan_roles(["DROP TABLE users;"], ())


def test_settings_of_the_platforms_roles_are_kept() -> None:
    line = "ALTER ROLE authenticated SET statement_timeout TO '9s';"

    assert [s.statement for s in plan_roles([line], {"authenticated"}).steps] == [line]


@given(NAMES.filter(bool))
def test_a_quoted_name_is_read_back(name: str) -> None:
    assert unquoted(quoted(name)) == name


def test_a_name_with_line_ends_is_read_back() -> None:
    assert unquoted('U&"two\\000Alines and \\\\ one"') == "two\nlines and \\ one"


# what a backup says ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("COPY auth.users (id, email) FROM stdin;\n", ("id", "email")),
        ('COPY "a b"."c""d" ("odd, name", "say ""hi""", x) FROM stdin;\n',
         ("odd, name", 'say "hi"', "x")),
        ("", ()),
    ],
)  # fmt: skip
def test_the_columns_of_rows_are_read(statement: str, columns: tuple[str, ...]) -> None:
    assert columns_of(entry(kind="TABLE DATA", copy_statement=statement)) == columns


def test_grants_are_read_from_the_archive_and_only_those_of_the_api() -> None:
    definition = (
        'REVOKE ALL ON TABLE public."Order Items" FROM anon;\n'
        'GRANT SELECT,INSERT ON TABLE public."Order Items" TO anon;\n'
        'GRANT ALL ON TABLE public."Order Items" TO service_role WITH GRANT OPTION;\n'
        'GRANT SELECT ON TABLE public."Order Items" TO team;\n'
    )

    found = granted([entry(name='TABLE "Order Items"', definition=definition)])

    assert found == {
        ("public", "Order Items", "anon"): {"SELECT", "INSERT"},
        ("public", "Order Items", "service_role"): {"ALL"},
    }


@pytest.mark.parametrize("line", ["{", "[]", '{"kind": "trigger", "name": "t"}'])
def test_a_catalogue_that_cannot_be_read_is_refused(line: str) -> None:
    with pytest.raises(IntegrityFailed):
        read_catalogue([line])


def test_kinds_of_a_later_version_are_let_be() -> None:
    assert read_catalogue(['{"kind": "of the future"}']).triggers == ()


def test_a_plain_database_tells_its_extensions_by_its_archive() -> None:
    definition = 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;\n'
    archive = [entry(kind="EXTENSION", schema="", name="uuid-ossp", definition=definition)]

    found = catalogue_of(archive).extensions

    assert [(one.name, one.schema) for one in found] == [("uuid-ossp", "public")]


@given(st.lists(st.text(alphabet="abü", min_size=1)), st.integers(1, 7))
def test_lines_are_read_whatever_the_chunks(lines: list[str], size: int) -> None:
    data = "\n".join(lines).encode()
    chunks = [data[start : start + size] for start in range(0, len(data), size)]

    assert list(lines_of(RestoreFile(lambda: iter(chunks)))) == lines


# functions ------------------------------------------------------------------------------------

FUNCTION: dict[str, Any] = {
    "slug": "hello",
    "metadata": {"name": "hello", "entrypoint_path": "file:///src/hello/index.ts"},
    "entrypoint": None,
    "files": {"hello/index.ts": "YQ==", "index.ts": "Yg=="},
}


def test_the_longest_path_that_fits_is_where_a_function_begins() -> None:
    assert entrypoint_of(FUNCTION) == "hello/index.ts"


def test_a_deployment_has_the_sources_as_they_were() -> None:
    parts = form_of({**FUNCTION, "entrypoint": "index.ts"})

    assert json.loads(parts[0][1][1]) == {
        "name": "hello",
        "entrypoint_path": "index.ts",
        "verify_jwt": True,
    }
    assert [(path, text) for _, (path, text, _) in parts[1:]] == [
        ("hello/index.ts", b"a"),
        ("index.ts", b"b"),
    ]


# files and reports ----------------------------------------------------------------------------


@given(NAMES.filter(bool), NAMES.filter(bool))
@example("b", "../up")
@example("..", "a/./b//c/")
@example("%2F", "?a=b#c&d+e")
def test_an_address_says_bucket_and_name_letter_by_letter(bucket: str, name: str) -> None:
    bucket = bucket.replace("/", "-")
    address = address_of(StorageFile(bucket=bucket, name=name))

    sent = urlsplit(str(httpx.URL(f"http://host/object/{address}"))).path

    assert unquote(sent) == f"/object/{bucket}/{name}"


def test_a_user_who_is_nobody_has_an_id_and_a_stranger_has_none() -> None:
    assert json.loads(claims_of("anon")) == {"role": "anon"}
    assert json.loads(claims_of("authenticated"))["sub"].startswith("00000000")


def test_a_report_is_bounded_and_says_how_much_it_leaves_out() -> None:
    tally = Tally()
    for number in range(MAX_NOTES + 7):
        tally.leave(f"thing {number}", "by hand")

    notes = tally.report().by_hand

    assert len(notes) == MAX_NOTES
    assert notes[-1].message == "8 more, which do not fit here"


def test_what_differs_anywhere_differs_in_the_whole() -> None:
    tally = Tally()
    found = Difference(what="rows", expected="1", found="2")
    tally.comparisons += [
        Comparison(tables=1, rows=5),
        Comparison(tables=2, rows=6, differences=(found,), differences_total=1),
    ]
    tally.differ("row security of public.orders", "on", "off")

    whole = tally.report().comparison

    assert whole is not None
    assert (whole.tables, whole.rows, whole.differences_total) == (3, 11, 2)


def test_a_report_without_comparison_claims_none() -> None:
    assert Tally().report().comparison is None
