"""Promises of the small rules: options, parts, links, keys, idempotency, errors, object keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from chalicelib.domain import access
from chalicelib.domain.access import Actor, Role
from chalicelib.domain.backup import (
    Backup,
    BackupOptions,
    BackupType,
    Compression,
    Format,
    plan_format,
)
from chalicelib.domain.errors import (
    CODES,
    Conflict,
    HoldfastError,
    InvalidRequest,
    NotFound,
    Unsupported,
    all_errors,
)
from chalicelib.domain.idempotency import Idempotency, body_digest, idempotency_id, same_request
from chalicelib.domain.link import USE_WINDOW, Link, redeemed
from chalicelib.domain.object_keys import artefact_key, dump_names
from chalicelib.domain.parts import BASE_PART_BYTES, MAX_OBJECT_BYTES, part_bytes
from chalicelib.domain.record import id_floor

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Format.CUSTOM),
        ({"compression": "gzip"}, Format.CUSTOM),
        ({"compression": "zstd"}, Format.CUSTOM),
        ({"compression": "bzip2"}, Format.PLAIN),
        ({"compression": "gzip", "format": "plain"}, Format.PLAIN),
    ],
)
def test_options_lead_to_a_format(options: dict[str, str], expected: Format) -> None:
    assert plan_format(BackupOptions.model_validate(options)) is expected


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"type": BackupType.INCREMENTAL}, Unsupported),
        ({"engine": "parallel"}, Unsupported),
        ({"compression": Compression.BZIP2, "format": Format.CUSTOM}, InvalidRequest),
    ],
)
def test_options_that_cannot_be_are_refused(
    options: dict[str, Any], error: type[HoldfastError]
) -> None:
    with pytest.raises(error):
        plan_format(BackupOptions(**options))


@given(max_parts=st.integers(min_value=500, max_value=200_000).map(lambda n: n * 10))
def test_the_parts_of_any_store_reach_the_largest_object(max_parts: int) -> None:
    tier = max_parts // 10
    reach = sum(part_bytes(n * tier + 1, max_parts) * tier for n in range(10))

    assert reach >= MAX_OBJECT_BYTES


def test_parts_never_shrink_and_begin_small() -> None:
    sizes = [part_bytes(number, 10_000) for number in range(1, 10_001)]

    assert sizes == sorted(sizes)
    assert sizes[0] == BASE_PART_BYTES


def test_a_store_with_room_for_many_parts_keeps_them_small() -> None:
    assert part_bytes(900_000, 1_000_000) == BASE_PART_BYTES


def link(**changes: Any) -> Link:
    fields = {
        "id": "L",
        "backup_id": "B",
        "project_id": "P",
        "artefact": "database.dump",
        "token_sha256": "0" * 64,
        "created_at": NOW,
        "created_by": "key:1",
        "expires_at": NOW + timedelta(days=7),
        **changes,
    }
    return Link.model_validate(fields)


def test_a_first_redemption_counts_one_use_and_opens_a_day() -> None:
    after = redeemed(link(), NOW)

    assert (after.uses, after.window_until) == (1, NOW + USE_WINDOW)


def test_inside_the_open_day_redeeming_again_costs_nothing() -> None:
    opened = redeemed(link(), NOW)

    assert redeemed(opened, NOW + timedelta(hours=23)) is opened


def test_after_the_day_a_used_up_link_is_gone() -> None:
    opened = redeemed(link(), NOW)

    with pytest.raises(NotFound):
        redeemed(opened, NOW + USE_WINDOW)


def test_after_the_day_a_second_use_opens_another() -> None:
    opened = redeemed(link(max_uses=2), NOW)

    assert redeemed(opened, NOW + USE_WINDOW).uses == 2


def test_the_open_day_does_not_outlive_the_link() -> None:
    brief = link(expires_at=NOW + timedelta(hours=1))

    assert redeemed(brief, NOW).window_until == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    "changes", [{"expires_at": NOW}, {"revoked_at": NOW}, {"uses": 1}], ids=str
)
def test_links_that_do_not_work_all_answer_alike(changes: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match="not valid"):
        redeemed(link(**changes), NOW)


def test_a_token_comes_apart_as_it_was_joined() -> None:
    secret = access.new_secret()

    assert access.split_token(access.join_token("01KEY", secret)) == ("01KEY", secret)


@pytest.mark.parametrize("token", ["", "hf", "hf_", "hf_a", "hf_a_", "xx_a_b", "hf__b", "hf_ä_b"])
def test_what_is_no_token_of_ours_is_told_apart(token: str) -> None:
    assert access.split_token(token) is None


def test_only_the_right_secret_matches_its_hash() -> None:
    stored = access.hashed("right")

    assert access.matches("right", stored)
    assert not access.matches("wrong", stored)


def test_secrets_are_never_made_twice() -> None:
    assert len({access.new_secret() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("held", Role)
@pytest.mark.parametrize("asked", Role)
def test_a_role_reaches_itself_and_below(held: Role, asked: Role) -> None:
    order = [Role.VIEWER, Role.OPERATOR, Role.ADMIN]

    assert Actor("a", held).may(asked) == (order.index(held) >= order.index(asked))


def test_a_limited_actor_sees_its_projects_only() -> None:
    actor = Actor("a", Role.ADMIN, ("P1",))

    assert (actor.sees("P1"), actor.sees("P2")) == (True, False)


def test_callers_never_share_idempotency_keys() -> None:
    assert idempotency_id("a", "key") != idempotency_id("b", "key")


def remembered(body: str) -> Idempotency:
    return Idempotency(
        id="I", body_sha256=body_digest(body), result_id="B", created_at=NOW, day="2026-03-01"
    )


def test_the_same_request_again_gives_the_first_result() -> None:
    assert same_request(remembered("body"), body_digest("body")) == "B"


def test_another_body_under_the_same_key_is_a_conflict() -> None:
    with pytest.raises(Conflict):
        same_request(remembered("body"), body_digest("other"))


def test_the_codes_are_exactly_those_of_the_contract() -> None:
    contract = """source_unreachable authentication_failed tls_failed permission_denied
        version_unsupported lock_timeout source_lost storage_failed integrity_failed
        scratch_too_small dump_failed worker_lost worker_exhausted lease_lost deadline_exceeded
        cancelled unsupported invalid_request unauthenticated forbidden not_found conflict
        rate_limited restore_failed channel_failed not_verified internal"""

    assert set(CODES) == set(contract.split())


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
def test_every_error_carries_a_hint_that_is_a_sentence(error: type[HoldfastError]) -> None:
    hint = error("something happened").info.hint

    assert hint[0].isupper()
    assert hint.endswith(".")


def test_no_two_attempts_share_a_key() -> None:
    backup = Backup(id="B", project_id="P", name="n", requested_by="a", created_at=NOW)
    keys = {
        artefact_key(backup.model_copy(update={"attempt": n}), "database.dump") for n in range(3)
    }

    assert len(keys) == 3


@pytest.mark.parametrize(
    ("kind", "file_format", "compression", "names"),
    [
        (BackupType.FULL, Format.CUSTOM, Compression.ZSTD, ("database.dump",)),
        (BackupType.FULL, Format.PLAIN, Compression.NONE, ("database.sql",)),
        (BackupType.SCHEMA, Format.PLAIN, Compression.GZIP, ("database.sql.gz",)),
        (BackupType.FULL, Format.PLAIN, Compression.BZIP2, ("database.sql.bz2",)),
        (BackupType.DATA, Format.CUSTOM, Compression.GZIP, ("database.dump", "schema.dump")),
    ],
)
def test_artefacts_are_named_by_type_format_and_codec(
    kind: BackupType, file_format: Format, compression: Compression, names: tuple[str, ...]
) -> None:
    assert dump_names(kind, file_format, compression) == names


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_the_floor_of_a_moment_lies_below_every_id_made_then(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)

    assert id_floor(aware) <= str(ULID.from_datetime(aware))
    assert id_floor(aware + timedelta(milliseconds=2)) > str(ULID.from_datetime(aware))
