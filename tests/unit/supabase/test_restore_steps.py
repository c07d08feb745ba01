"""Steps of a restore against a target that answers as it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chalicelib.domain.backup import Compression, Format
from chalicelib.domain.restore import Comparison
from chalicelib.postgres_ports import PartSource, RestoreFile, RestoreSource
from chalicelib.restore_ports import Application, Applied, Aside, Entry
from chalicelib.supabase.restore import checks, database
from chalicelib.supabase.restore.backup import HeldBackup
from chalicelib.supabase.restore.catalogue import Catalogue, CronJob, Extension, Statement
from chalicelib.supabase.restore.choice import Choice
from chalicelib.supabase.restore.roles import plan_roles
from chalicelib.supabase.restore.tally import Tally

SECURED = (("public", "orders"), ("storage", "objects"), ("auth", "users"))


@dataclass
class TellingTarget:
    """Note what is run; refuse and answer by what a statement contains."""

    answers: Mapping[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    refuses: Mapping[str, str] = field(default_factory=dict)
    sees: Mapping[str, list[tuple[Any, ...]] | str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    server_version: str = "17.6"
    client_version: str = "17.6"
    user: str = "postgres"
    is_superuser: bool = False
    objects: frozenset[tuple[str, str, str]] = frozenset()
    roles: Mapping[str, bool] = field(default_factory=dict)
    extensions: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    def begin(self, phase: str) -> None:
        self.ran.append(f"-- {phase}")

    def look(self, files_done: int = 0) -> None:
        self.ran.append(f"-- {files_done} files")

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        return next((rows for part, rows in self.answers.items() if part in question), [])

    def attempt(self, *statements: str, as_replica: bool = False) -> str | None:
        self.ran += statements
        text = "; ".join(statements)
        return next((why for part, why in self.refuses.items() if part in text), None)

    def probe(self, role: str, claims: str, question: str) -> list[tuple[Any, ...]] | str:
        return self.sees.get(role, [(False,)])

    def entries(self, file: RestoreFile) -> tuple[Entry, ...]:
        return ()

    def apply(self, application: Application) -> Applied:
        return Applied()

    def load(self, file: RestoreFile, dump_ids: frozenset[int]) -> str | None:
        return None

    def load_each(
        self, file: RestoreFile, dump_ids: frozenset[int], loaded: Callable[[int], object]
    ) -> str | None:
        return None

    def use(self, file: RestoreFile, aside: Aside) -> str | None:
        return None

    def compare(self, part: PartSource, dump_ids: frozenset[int], *, is_whole: bool) -> Comparison:
        return Comparison()


def held(**catalogue: Any) -> HeldBackup:
    nothing = RestoreFile(lambda: iter(()))
    source = RestoreSource(
        nothing, None, None, Format.CUSTOM, Compression.NONE, None, None, None, is_ours=True
    )
    return HeldBackup(source, frozenset(), Catalogue(**catalogue), {})


def chosen(*entries: Entry) -> Choice:
    tables = tuple(entry for entry in entries if entry.kind == "TABLE")
    others = tuple(entry for entry in entries if entry.kind != "TABLE")
    return Choice(tables, (), (), others, (), ())


# what is made -----------------------------------------------------------------------------------


def test_a_schema_that_is_there_is_not_made_for_an_extension() -> None:
    cron = Extension("pg_cron", "pg_catalog", "1.6")

    assert database.creation_of(cron, {"pg_catalog"}) == (
        'CREATE EXTENSION IF NOT EXISTS "pg_cron" WITH SCHEMA "pg_catalog" CASCADE',
    )


def test_an_extension_that_chooses_its_schema_is_not_told_one() -> None:
    queues = Extension("pgmq", "pgmq", "1.4")

    assert database.creation_of(queues, set()) == ('CREATE EXTENSION IF NOT EXISTS "pgmq" CASCADE',)


def test_a_schema_of_the_users_is_made_ahead_of_its_extension() -> None:
    made = database.creation_of(Extension("citext", "types", "1.6"), {"public"})

    assert made[0] == 'CREATE SCHEMA IF NOT EXISTS "types"'


def test_a_job_never_becomes_active() -> None:
    target, tally = TellingTarget({"to_regclass": [(True,)]}), Tally()

    database.schedule(target, held(jobs=(CronJob("it's", "* * * * *", "SELECT 1"),)), tally)

    assert target.ran == [
        "SELECT cron.alter_job(cron.schedule('it''s', '* * * * *', 'SELECT 1'), active := false)"
    ]
    assert tally.by_hand[0].message == "it is paused"


def test_a_job_of_a_name_that_is_taken_stays_behind() -> None:
    answers: dict[str, list[tuple[Any, ...]]] = {
        "to_regclass": [(True,)],
        "jobname": [("nightly",)],
    }
    target, tally = TellingTarget(answers), Tally()

    database.schedule(target, held(jobs=(CronJob("nightly", "* * * * *", "SELECT 1"),)), tally)

    assert target.ran == []
    assert tally.skipped[0].what == "cron job nightly"


def test_without_cron_the_call_is_left_to_people() -> None:
    target, tally = TellingTarget({"to_regclass": [(False,)]}), Tally()

    database.schedule(target, held(jobs=(CronJob(None, "* * * * *", "SELECT 1"),)), tally)

    assert "cron.schedule('* * * * *', 'SELECT 1')" in tally.by_hand[0].message


def test_an_attribute_that_is_refused_does_not_cost_the_role() -> None:
    target, tally = TellingTarget(refuses={"BYPASSRLS": "must be superuser"}), Tally()

    database.make_roles(target, plan_roles(["CREATE ROLE reader LOGIN BYPASSRLS;"], ()), tally)

    assert target.ran[1] == "CREATE ROLE reader LOGIN;"
    assert tally.errors_total == 0
    assert "was refused: must be superuser" in tally.by_hand[0].message


def test_a_role_that_is_refused_altogether_is_an_error() -> None:
    target, tally = TellingTarget(refuses={"CREATE ROLE": "permission denied"}), Tally()

    database.make_roles(target, plan_roles(["CREATE ROLE reader;"], ()), tally)

    assert [note.what for note in tally.errors] == ["role reader"]


@pytest.mark.parametrize(
    ("version", "option"), [("15.8", ""), ("17.6", " WITH INHERIT TRUE, SET TRUE")]
)
def test_a_role_is_lent_and_given_back(version: str, option: str) -> None:
    target = TellingTarget(server_version=version)

    ends = database.become_member(target, ["team"], Tally())

    assert target.ran == [f'GRANT "team" TO CURRENT_USER{option}']
    assert ends == ['REVOKE "team" FROM CURRENT_USER']


def test_a_trigger_that_is_refused_is_named() -> None:
    target, tally = TellingTarget(refuses={"TRIGGER": "permission denied"}), Tally()
    trigger = Statement("trigger joined on auth.users", "CREATE TRIGGER joined …")

    database.attach(target, held(triggers=(trigger,)), tally)

    assert [note.what for note in tally.errors] == ["trigger joined on auth.users"]


# what is looked at ------------------------------------------------------------------------------


def test_row_security_that_is_off_is_found_and_the_platforms_own_is_let_be() -> None:
    target, tally = TellingTarget({"relrowsecurity": [("storage", "objects")]}), Tally()

    checks.check_row_security(target, held(secured=SECURED), tally)

    assert [one.what for one in tally.differences] == ["row security of public.orders"]
    assert tally.checked["row security"] == 2


def test_a_wider_grant_is_found() -> None:
    table = Entry(1, "TABLE", "public", "orders", "postgres", "pre-data")
    rights = replace(
        table,
        dump_id=2,
        kind="ACL",
        name="TABLE orders",
        definition="GRANT SELECT ON TABLE public.orders TO anon;\n",
    )
    found = [("public", "orders", "anon", ["SELECT", "DELETE"])]
    target, tally = TellingTarget({"aclexplode": found}), Tally()

    checks.check_grants(target, chosen(table, rights), tally)

    assert [(o.what, o.expected, o.found) for o in tally.differences] == [
        ("grants of anon on public.orders", "SELECT", "DELETE, SELECT")
    ]


VISITS: list[tuple[list[tuple[Any, ...]] | str, list[str], int]] = [
    ([(True,)], [], 1),
    ([(True,)], ["anon"], 0),
    ([(True,)], ["public"], 0),
    ([(False,)], [], 0),
    ("permission denied for table orders", [], 0),
    ("canceling statement due to statement timeout", ["anon"], 0),
    ("function auth.gone() does not exist", ["anon"], 1),
]


@pytest.mark.parametrize(("seen", "roles", "differences"), VISITS, ids=str)
def test_what_a_visitor_sees_is_held_against_the_policies(
    seen: list[tuple[Any, ...]] | str, roles: list[str], differences: int
) -> None:
    answers = {"pg_policies": [("public", "orders", roles)]} if roles else {}
    target, tally = TellingTarget(answers, sees={"anon": seen}), Tally()

    checks.check_visitors(target, held(secured=SECURED[:1]), tally)

    assert len(tally.differences) == differences
    assert tally.checked["visitors"] == 2
