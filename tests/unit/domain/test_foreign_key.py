"""Foreign keys are read from the statements of pg_dump, whatever their names hold."""

from __future__ import annotations

import pytest

from chalicelib.domain.foreign_key import ForeignKey, foreign_key

PLAIN = (
    "ALTER TABLE ONLY public.profiles\n    ADD CONSTRAINT profiles_id_fkey FOREIGN KEY (id)"
    " REFERENCES auth.users(id) ON DELETE CASCADE;\n"
)
ODD = (
    'ALTER TABLE "Odd ""one"."Order Items"\n    ADD CONSTRAINT "a b" FOREIGN KEY'
    ' ("Customer", b) REFERENCES public."T (x)"(id, b) NOT VALID;\n'
)


@pytest.mark.parametrize(
    ("statement", "key"),
    [
        (PLAIN, ForeignKey("profiles_id_fkey", ("public", "profiles"), ("id",),
                           ("auth", "users"), is_checked=True)),
        (ODD, ForeignKey("a b", ('Odd "one', "Order Items"), ("Customer", "b"),
                         ("public", "T (x)"), is_checked=False)),
    ],
)  # fmt: skip
def test_a_statement_tells_who_refers_to_whom(statement: str, key: ForeignKey) -> None:
    assert foreign_key(statement) == key


@pytest.mark.parametrize(
    "statement",
    ["", "ALTER TABLE ONLY public.a ADD CONSTRAINT b CHECK (c);", PLAIN.replace("auth.", "")],
)
def test_other_statements_make_no_foreign_key(statement: str) -> None:
    assert foreign_key(statement) is None
