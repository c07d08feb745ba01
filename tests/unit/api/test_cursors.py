from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api import cursors
from chalicelib.api.requests.backups import BackupQuery
from chalicelib.api.requests.fields import PageQuery
from chalicelib.domain.backup import Status
from chalicelib.domain.errors import InvalidRequest

IDS = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26)
DIGEST = cursors.filter_digest("backups", BackupQuery())


@given(IDS)
def test_a_cursor_leads_back_to_its_position(before_id: str) -> None:
    assert cursors.decode(cursors.encode(before_id, DIGEST), DIGEST) == before_id


@given(st.text())
def test_no_text_at_all_breaks_decoding(text: str) -> None:
    with pytest.raises(InvalidRequest):
        cursors.decode(text, DIGEST)


def test_no_position_is_no_cursor() -> None:
    assert cursors.encode(None, DIGEST) is None
    assert cursors.decode(None, DIGEST) is None


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("keys", BackupQuery()),
        ("backups", BackupQuery(status=Status.FAILED)),
        ("backups", BackupQuery(q="x")),
    ],
)
def test_another_list_or_filter_has_another_digest(name: str, query: BackupQuery) -> None:
    assert cursors.filter_digest(name, query) != DIGEST


def test_the_size_of_pages_may_change_while_paging() -> None:
    one, other = PageQuery(limit=1), PageQuery(limit=200, cursor="x")

    assert cursors.filter_digest("keys", one) == cursors.filter_digest("keys", other)
