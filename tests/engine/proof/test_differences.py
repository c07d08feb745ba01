"""A proof names whatever is not as the source had it, and nothing else."""

from __future__ import annotations

import pytest

from chalicelib.domain.backup import BackupOptions, BackupType, Compression, Format
from chalicelib.domain.connection import Connection
from chalicelib.domain.proof import LARGE_OBJECT_RIGHTS, Outcome
from tests.support.dumping import Dumped, execute
from tests.support.proving import Prover, different

pytestmark = pytest.mark.postgres

KINDS = [
    BackupOptions(),
    BackupOptions(format=Format.PLAIN),
    BackupOptions(type=BackupType.DATA),
    BackupOptions(type=BackupType.SCHEMA),
]


@pytest.mark.parametrize("options", KINDS, ids=["custom", "plain", "data", "schema"])
def test_an_untouched_dump_is_proven_equal(
    shop: Connection, prover: Prover, options: BackupOptions
) -> None:
    dumped = prover.dumper.dump(shop, options)

    report = prover.prove(dumped, blocks=prover.blocks(dumped))

    has_rows = options.type is not BackupType.SCHEMA
    assert report.outcome is Outcome.EQUAL, report.sentence
    assert (report.compared.tables, report.compared.rows) == ((2, 250) if has_rows else (0, 0))
    assert report.compared.definitions > 7
    assert not report.unproven


GONE = ("number", "bytes", "contents", "owners, grants and comments")
CHANGES = [
    ("UPDATE people SET name = 'someone' WHERE id = 7", {"contents of table public.people"}),
    (
        "DELETE FROM orders WHERE id = 9",
        {"rows of table public.orders", "contents of table public.orders"},
    ),
    ("DROP INDEX orders_by_time", {"index public.orders_by_time"}),
    ("SELECT nextval('orders_id_seq')", {"sequence public.orders_id_seq"}),
    ("ALTER TABLE people ALTER name DROP NOT NULL", {"relation public.people"}),
    ("COMMENT ON TABLE people IS 'new'", {"relation public.people"}),
    ("GRANT SELECT ON people TO PUBLIC", {"relation public.people"}),
    ("CREATE VIEW more AS SELECT 1 AS one", {"relation public.more"}),
    ("SELECT lo_put(77, 0, 'S')", {"contents of large objects"}),
    ("GRANT SELECT ON LARGE OBJECT 77 TO PUBLIC", {LARGE_OBJECT_RIGHTS}),
    ("ALTER LARGE OBJECT 77 OWNER TO pg_monitor", {LARGE_OBJECT_RIGHTS}),
    ("COMMENT ON LARGE OBJECT 77 IS 'seven'", {LARGE_OBJECT_RIGHTS}),
    ("SELECT lo_unlink(77)", {f"{w} of large objects" for w in GONE}),
    ("SELECT lo_put(77, 5, 'teen')", {f"{w} of large objects" for w in ("bytes", "contents")}),
]


def test_a_manifest_that_does_not_say_who_owns_large_objects_leaves_that_open(
    shop18: Connection, prover: Prover
) -> None:
    dumped = prover.dumper.dump(shop18)
    facts = dumped.result.counts.facts
    assert facts is not None
    objects = facts.large_objects.model_copy(update={"rights": None})
    older = facts.model_copy(update={"large_objects": objects})

    report = prover.prove(dumped, counts=dumped.result.counts.model_copy(update={"facts": older}))

    assert report.outcome is Outcome.EQUAL
    assert [gap.what for gap in report.unproven] == [LARGE_OBJECT_RIGHTS]


@pytest.mark.parametrize(("change", "named"), CHANGES)
def test_a_change_is_named(
    shop18: Connection, prover: Prover, change: str, named: set[str]
) -> None:
    original = prover.dumper.dump(shop18)
    on_record = prover.blocks(original)
    execute(shop18, change)
    changed = prover.dumper.dump(shop18)

    report = prover.prove(changed, counts=original.result.counts, blocks=on_record)

    assert report.outcome is Outcome.DIFFERENT
    # a large object that is gone from the archive leaves no digest to compare
    assert different(report) <= named
    assert different(report) >= named - {"contents of large objects"}


def test_a_dump_that_cannot_be_restored_says_so(shop18: Connection, prover: Prover) -> None:
    options = BackupOptions(format=Format.PLAIN, compression=Compression.NONE)
    dumped = prover.dumper.dump(shop18, options)
    script = b"CREATE TABLE t (a int);\nSELECT no_such_function();\n"
    broken = Dumped(dumped.plan, dumped.result, {next(iter(dumped.files)): script})
    counts = dumped.result.counts

    report = prover.prove(broken, counts=counts)

    assert report.outcome is Outcome.DIFFERENT
    assert different(report) == {"the restore"}
    assert "no_such_function" in report.sentence


def test_the_source_as_it_is_now_is_the_measure_when_it_is_named(
    shop18: Connection, prover: Prover
) -> None:
    dumped = prover.dumper.dump(shop18)
    equal = prover.prove(dumped, against=shop18)
    execute(
        shop18, "UPDATE people SET name = name || '!' WHERE id = 3", "DROP INDEX orders_by_time"
    )

    report = prover.prove(dumped, against=shop18)

    assert equal.outcome is Outcome.EQUAL, equal.sentence
    assert different(report) == {"contents of table public.people", "index public.orders_by_time"}


def test_numbers_by_which_a_server_marks_its_columns_are_no_difference(
    shop18: Connection, prover: Prover
) -> None:
    dumped = prover.dumper.dump(shop18)
    # as every column looks on servers from 17.12 on
    mark = "UPDATE pg_attribute SET attoptions = '{{{}}}' WHERE attrelid = 'people'::regclass"
    execute(shop18, mark.format("pg_attver=22122112"))
    equal = prover.prove(dumped, against=shop18)
    execute(shop18, mark.format("pg_attver=22122112,n_distinct=5"))

    report = prover.prove(dumped, against=shop18)

    assert equal.outcome is Outcome.EQUAL, equal.sentence
    assert different(report) == {"relation public.people"}


def test_the_order_of_rows_in_the_source_does_not_matter(
    shop18: Connection, prover: Prover
) -> None:
    dumped = prover.dumper.dump(shop18)
    execute(shop18, "UPDATE people SET name = name WHERE id < 20")

    report = prover.prove(dumped, against=shop18)

    assert report.outcome is Outcome.EQUAL, report.sentence


def test_a_sequence_that_moves_during_the_dump_is_told_and_not_failed(
    shop18: Connection, prover: Prover
) -> None:
    prover.dumper.on_first_bytes = lambda: execute(shop18, "SELECT nextval('orders_id_seq')")
    dumped = prover.dumper.dump(shop18)

    report = prover.prove(dumped)

    assert report.outcome is Outcome.EQUAL, report.sentence
    assert [gap.what for gap in report.unproven] == ["sequence public.orders_id_seq"]
