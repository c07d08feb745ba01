"""Records become items and come back, for every kind and any text."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

import chalicelib.domain
from chalicelib.adapters.aws import dynamodb_items as items
from chalicelib.adapters.aws.dynamodb_table import DOCUMENT, SLOTS, TTL_ATTRIBUTE
from chalicelib.adapters.aws.dynamodb_writes import transact_item
from chalicelib.domain.audit import AuditEvent, Notice
from chalicelib.domain.backup import Backup, Chore, Status
from chalicelib.domain.errors import StorageFailed
from chalicelib.domain.link import Link
from chalicelib.domain.record import Insert, Put, Record, Remove, Replace, Write

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=128)


def all_kinds() -> list[type[Record]]:
    for module in pkgutil.iter_modules(chalicelib.domain.__path__):
        importlib.import_module(f"chalicelib.domain.{module.name}")
    return sorted(Record.__subclasses__(), key=lambda kind: kind.__name__)


def notices() -> st.SearchStrategy[Notice]:
    return st.builds(
        Notice,
        id=IDS,
        revision=st.integers(0, 10**9),
        at=st.datetimes(min_value=datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)).map(
            lambda moment: moment.replace(tzinfo=UTC)
        ),
        event=TEXT,
        subject_id=IDS,
        project_id=TEXT,
        body=st.dictionaries(TEXT, TEXT, max_size=3),
        state=TEXT,
        tries=st.integers(0, 100),
    )


def link(expires_at: datetime) -> Link:
    return Link(
        id="L1",
        backup_id="B1",
        project_id="p1",
        artefact="database.dump",
        token_sha256="0" * 64,
        created_at=NOW,
        created_by="tester",
        expires_at=expires_at,
    )


def backup(**update: Any) -> Backup:
    made = Backup(id="B1", project_id="p1", name="n", requested_by="t", created_at=NOW)
    return made.model_copy(update=update)


def stored(record: Record) -> items.Item:
    put: items.Item = transact_item("t", Insert(record))["Put"]["Item"]
    return put


@given(notices())
def test_a_record_comes_back_from_its_item(notice: Notice) -> None:
    item = stored(notice)

    assert items.record_of(Notice, item) == notice.model_copy(update={"revision": 1})


@given(notices(), st.sampled_from([Insert, Replace, Remove, Put]))
def test_every_write_is_a_request_the_service_knows(notice: Notice, write: type[Write]) -> None:
    request = {"TransactItems": [transact_item("table", write(notice))]}

    model = Session().get_service_model("dynamodb").operation_model("TransactWriteItems")
    assert model.input_shape is not None
    report = ParamValidator().validate(request, model.input_shape)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.__name__)
def test_every_kind_has_slots_for_its_indexes(kind: type[Record]) -> None:
    slots = [items.slot_of(kind, field) for field in kind.indexes]

    assert slots == list(SLOTS[: len(kind.indexes)])


def test_no_two_kinds_share_a_name() -> None:
    # an outline reads records of another kind, and is never written
    kinds = [kind.kind for kind in all_kinds() if not kind.__name__.endswith("Outline")]

    assert len(set(kinds)) == len(kinds)
    assert not any("#" in kind for kind in kinds)


def test_an_index_holds_kind_field_and_value() -> None:
    item = stored(backup(status=Status.FAILED, chore=Chore.CLEAN))

    assert [item[slot]["S"] for slot in SLOTS if slot in item] == [
        "backup#project_id#p1",
        "backup#status#failed",
        "backup#chore#clean",
    ]


def test_a_record_without_a_value_is_not_in_that_index() -> None:
    assert "x2" not in stored(backup())


@given(st.text(min_size=1, max_size=4000))
def test_any_index_value_fits_a_key(value: str) -> None:
    key = items.slot_value(AuditEvent, "project_id", value)["S"]

    assert len(key.encode()) <= 2048


@pytest.mark.parametrize("index", [None, ("status", "pending"), ("project_id", "p1")])
def test_a_record_is_listed_where_it_is_now(index: tuple[str, str] | None) -> None:
    assert items.is_listed(backup(), index)


@pytest.mark.parametrize("index", [("status", "failed"), ("chore", "None")])
def test_a_record_is_not_listed_where_it_was(index: tuple[str, str]) -> None:
    assert not items.is_listed(backup(), index)


def test_only_what_ends_by_itself_has_a_time_to_live() -> None:
    expires_at = NOW + timedelta(days=1)

    item = stored(link(expires_at))

    assert int(item[TTL_ATTRIBUTE]["N"]) == int((expires_at + items.BROOM_GRACE).timestamp())
    assert TTL_ATTRIBUTE not in stored(backup())


@pytest.mark.parametrize(
    "change",
    [
        {DOCUMENT: {"S": "{}"}},
        {DOCUMENT: {"S": "no json"}},
        {DOCUMENT: {}},
        {"revision": {"N": "x"}},
    ],
)
def test_an_item_of_another_form_cannot_be_read(change: dict[str, Any]) -> None:
    item = stored(backup()) | change

    with pytest.raises(StorageFailed, match="backup#B1"):
        items.record_of(Backup, item)
