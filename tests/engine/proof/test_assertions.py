"""What people state in SQL is asked of the copy; whatever goes wrong is told by name."""

from __future__ import annotations

import pytest

from chalicelib.domain.connection import Connection
from chalicelib.domain.proof import Assertion, Outcome
from tests.support.proving import Prover

pytestmark = pytest.mark.postgres

HOLDING = (
    Assertion(name="enough people", sql="SELECT count(*) = 50 FROM public.people -- 100 % of them"),
    Assertion(name="no orphans", sql="SELECT 1 FROM public.orders WHERE person IS NULL;", rows=0),
    Assertion(name="all orders", sql="TABLE public.orders", rows=200),
)
FAILING = [
    ("SELECT count(*) > 50 FROM people", None, "False"),
    ("TABLE people", 49, "50 rows"),
    ("TABLE people", None, "50 rows"),
    ("SELECT 1", None, "1"),
    ("SELECT no_such_column FROM people", None, 'column "no_such_column" does not exist'),
    ("DELETE FROM people", 0, "read-only transaction"),
    ("SELECT nextval('public.orders_id_seq') > 0", None, "permission denied|read-only transaction"),
    ("COMMIT; CREATE TABLE x ()", None, "multiple commands"),
    ("COPY people TO PROGRAM 'true'", None, "error"),
    ("SELECT pg_read_file('/etc/passwd') > ''", None, "permission denied"),
    ("SELECT pg_sleep(60) IS NULL", None, "no answer within 1 s"),
]


def test_what_holds_is_counted_and_passes(shop: Connection, prover: Prover) -> None:
    dumped = prover.dumper.dump(shop)

    report = prover.prove(dumped, assertions=HOLDING)

    assert report.outcome is Outcome.EQUAL, report.sentence
    assert report.compared.assertions == 3


def test_what_does_not_hold_is_told_by_name(shop18: Connection, prover: Prover) -> None:
    stated = tuple(
        Assertion(
            name=f"number {n}", sql=sql.replace("people", "public.people"), rows=rows, timeout_s=1
        )
        for n, (sql, rows, _) in enumerate(FAILING)
    )
    dumped = prover.dumper.dump(shop18)

    report = prover.prove(dumped, assertions=stated)

    found = {one.what: one.found or "" for one in report.differences}
    assert list(found) == [f"assertion number {n}" for n in range(len(FAILING))]
    for (_, _, reason), told in zip(FAILING, found.values(), strict=True):
        assert any(part in told for part in reason.split("|")), told
