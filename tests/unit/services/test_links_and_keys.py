"""Promises of links, keys and projects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from chalicelib.domain.access import ApiKey, Role, split_token
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from chalicelib.domain.link import Link
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.services.access import NewKey
from chalicelib.services.links import NewLink
from chalicelib.services.projects import ProjectChanges
from tests.support.world import World


def token_for(world: World, **options: object) -> str:
    done = world.run(world.request())
    return world.services.links.create("key:1", done, NewLink(**options))[1]  # type: ignore[arg-type]


def test_a_link_redeems_to_a_signed_url_of_the_dump(world: World) -> None:
    url = world.services.link_signer.redeem(token_for(world))

    assert url.startswith("http://127.0.0.1:1/objects/projects/")
    assert "database.dump" in url
    assert "signature=" in url


def test_a_links_token_is_stored_as_a_hash_only(world: World) -> None:
    token = token_for(world)

    stored = world.adapters.catalog.find(Query(Link)).items[0].model_dump_json()

    assert token.partition(".")[2] not in stored


@pytest.mark.parametrize("artefact", ["manifest.json", "RECOVERY.md", "database.dump"])
def test_every_artefact_can_be_handed_out(world: World, artefact: str) -> None:
    assert artefact in world.services.link_signer.redeem(token_for(world, artefact=artefact))


@pytest.mark.parametrize("artefact", ["nothing.here", "../manifest.json", "counts.json"])
def test_other_artefacts_are_refused(world: World, artefact: str) -> None:
    with pytest.raises(InvalidRequest):
        token_for(world, artefact=artefact)


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-1), timedelta(days=31)])
def test_a_link_lives_between_a_second_and_a_month(world: World, lifetime: timedelta) -> None:
    with pytest.raises(InvalidRequest):
        token_for(world, lifetime=lifetime)


def test_a_backup_that_is_not_completed_has_no_links(world: World) -> None:
    with pytest.raises(Conflict):
        world.services.links.create("key:1", world.request(), NewLink())


def test_a_hundred_redemptions_at_once_are_one_use(world: World) -> None:
    token = token_for(world)

    with ThreadPoolExecutor(8) as pool:
        urls = list(pool.map(lambda _: world.services.link_signer.redeem(token), range(100)))

    assert len(urls) == 100
    assert world.adapters.catalog.find(Query(Link)).items[0].uses == 1


def test_a_used_link_is_gone_after_its_day(world: World) -> None:
    token = token_for(world, lifetime=timedelta(days=7))
    world.services.link_signer.redeem(token)
    world.clock.turn(timedelta(hours=25))

    with pytest.raises(NotFound):
        world.services.link_signer.redeem(token)


def test_an_expired_link_is_gone(world: World) -> None:
    token = token_for(world, lifetime=timedelta(minutes=5))
    world.clock.turn(timedelta(minutes=5))

    with pytest.raises(NotFound):
        world.services.link_signer.redeem(token)


def test_a_revoked_link_is_gone_at_once(world: World) -> None:
    token = token_for(world)
    link = world.adapters.catalog.find(Query(Link)).items[0]
    world.services.link_signer.redeem(token)

    world.services.links.revoke("key:1", link.backup_id, link.id)

    with pytest.raises(NotFound):
        world.services.link_signer.redeem(token)


def test_a_link_is_revoked_through_its_own_backup_only(world: World) -> None:
    token_for(world)
    link = world.adapters.catalog.find(Query(Link)).items[0]

    with pytest.raises(NotFound):
        world.services.links.revoke("key:1", "01OTHER", link.id)


@pytest.mark.parametrize("change", ["", ".", "x", "{id}.", ".{secret}", "{id}.x{secret}", "{id}.ü"])
def test_tampered_tokens_all_answer_alike(world: World, change: str) -> None:
    link_id, _, secret = token_for(world).partition(".")

    with pytest.raises(NotFound, match="this link is not valid"):
        world.services.link_signer.redeem(change.format(id=link_id, secret=secret))


def test_redemptions_are_audited(world: World) -> None:
    world.services.link_signer.redeem(token_for(world))

    actions = [event.action for event in world.adapters.catalog.find(Query(AuditEvent)).items]
    assert {"link.created", "link.redeemed"} <= set(actions)


def test_a_key_opens_with_its_token(world: World) -> None:
    new = NewKey("ci", Role.OPERATOR, projects=("P1",))
    key, token = world.services.access.create("key:1", new)

    actor = world.services.access.authenticate(token)

    assert (actor.name, actor.role, actor.projects) == (f"key:{key.id}", Role.OPERATOR, ("P1",))


def test_a_keys_secret_is_never_stored(world: World) -> None:
    _, token = world.services.access.create("key:1", NewKey("ci", Role.VIEWER))

    stored = [key.model_dump_json() for key in world.adapters.catalog.find(Query(ApiKey)).items]

    parts = split_token(token)
    assert parts is not None
    assert parts[1] not in "".join(stored)


@pytest.mark.parametrize("token", ["", "nonsense", "hf_01NONE_x", "{token}x", "hf_{id}_wrong"])
def test_other_tokens_do_not_open(world: World, token: str) -> None:
    key, real = world.services.access.create("key:1", NewKey("ci", Role.VIEWER))

    with pytest.raises(Unauthenticated):
        world.services.access.authenticate(token.format(token=real, id=key.id))


def test_a_revoked_key_does_not_open(world: World) -> None:
    key, token = world.services.access.create("key:1", NewKey("ci", Role.VIEWER))
    world.services.access.revoke("key:1", key.id)

    with pytest.raises(Unauthenticated):
        world.services.access.authenticate(token)


def test_an_expired_key_does_not_open(world: World) -> None:
    until = world.clock.now() + timedelta(hours=1)
    _, token = world.services.access.create("key:1", NewKey("ci", Role.VIEWER, expires_at=until))
    world.clock.turn(timedelta(hours=1))

    with pytest.raises(Unauthenticated):
        world.services.access.authenticate(token)


def test_the_operator_token_opens_only_where_it_was_given(world: World) -> None:
    with pytest.raises(Unauthenticated):
        world.services.access.authenticate("operator")


def test_a_projects_password_lies_in_the_secrets_only(world: World) -> None:
    project = world.project()

    assert world.services.projects.connection(project.id).password == "canary-4f2a"
    stored = world.adapters.catalog.find(Query(Project)).items[0].model_dump_json()
    events = world.adapters.catalog.find(Query(AuditEvent)).items
    assert "canary" not in stored + str(events)


def test_a_new_password_replaces_the_old_one(world: World) -> None:
    project = world.project()

    world.services.projects.update("key:1", project.id, ProjectChanges(password="rotated"))

    assert world.services.projects.connection(project.id).password == "rotated"


def test_a_changed_endpoint_is_where_backups_go(world: World) -> None:
    project = world.project()
    endpoint = Endpoint(host="db2")

    world.services.projects.update("key:1", project.id, ProjectChanges(endpoint=endpoint))

    connection = world.services.projects.connection(project.id)
    assert connection == Connection(endpoint, "canary-4f2a")


def test_a_project_with_backups_stays(world: World) -> None:
    backup = world.request()

    with pytest.raises(Conflict):
        world.services.projects.delete("key:1", backup.project_id)


def test_a_deleted_project_takes_its_password_along(world: World) -> None:
    project = world.project()

    world.services.projects.delete("key:1", project.id)

    with pytest.raises(NotFound):
        world.adapters.secrets.get(project.secret_name)
