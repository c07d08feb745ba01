"""The first key of an installation opens its API."""

from __future__ import annotations

from pathlib import Path

from chalicelib.domain.access import ApiKey, Role
from chalicelib.domain.record import Query
from infra.first_key import ACTOR, make
from tests.support.world import build_world


def test_the_first_key_is_an_admins(tmp_path: Path) -> None:
    world = build_world(tmp_path)

    token = make(world.services, "first of dev")

    (key,) = world.services.access.find(Query(ApiKey, limit=9)).items
    assert world.services.access.authenticate(token).role is Role.ADMIN
    assert (key.name, key.created_by) == ("first of dev", ACTOR)
