"""Every write of the API leaves an audit event that names the key it was made with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx
import pytest
from pydantic import SecretStr

from chalicelib.api.routes import ALL
from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup, Status
from chalicelib.domain.channel import ChannelKind
from chalicelib.domain.project import Project
from chalicelib.domain.restore import RestoreOptions
from chalicelib.services.access import NewKey
from chalicelib.services.channels import NewChannel
from chalicelib.services.links import NewLink
from chalicelib.services.restores import NewRestore
from tests.support.canaries import found_in

CANARY = "canary-in-a-body-77aa1c"
URL = f"postgresql://backup:{CANARY}@db.example.org/shop"
Bodies = Callable[[Mapping[str, str]], dict[str, object]]


def nothing(ids: Mapping[str, str]) -> dict[str, object]:
    return {}


# operation: the action its event names, and what is sent; {ids} are filled in below
WRITES: dict[str, tuple[str, Bodies]] = {
    "create_project": ("project.created", lambda ids: {"url": URL}),
    "update_project": ("project.updated", lambda ids: {"password": CANARY}),
    "delete_project": ("project.deleted", nothing),
    "test_project": ("job.requested", nothing),
    "estimate_project": ("job.requested", nothing),
    "request_backup": ("backup.requested", lambda ids: {"project_id": ids["project_id"]}),
    "update_backup": ("backup.updated", lambda ids: {"locked": True}),
    "delete_backup": ("backup.deleted", nothing),
    "cancel_backup": ("backup.cancelled", nothing),
    "verify_backup": ("job.requested", nothing),
    "list_contents": ("job.requested", nothing),
    "show_rows": ("job.requested", nothing),
    "request_restore": (
        "restore.requested",
        lambda ids: {"backup_id": ids["backup_id"], "target": {"url": URL}},
    ),
    "preflight_restore": (
        "job.requested",
        lambda ids: {"backup_id": ids["backup_id"], "target": {"url": URL}},
    ),
    "cancel_restore": ("restore.cancelled", nothing),
    "create_link": ("link.created", nothing),
    "revoke_link": ("link.revoked", nothing),
    "create_key": ("key.created", lambda ids: {"name": "ci", "role": "viewer"}),
    "revoke_key": ("key.revoked", nothing),
    "create_channel": (
        "channel.created",
        lambda ids: {"name": "x", "kind": "webhook", "url": f"https://a.example.org/{CANARY}"},
    ),
    "change_channel": (
        "channel.updated",
        lambda ids: {"url": f"https://b.example.org/{CANARY}"},
    ),
    "delete_channel": ("channel.deleted", nothing),
    "test_channel": ("job.requested", nothing),
    "show_table_rows": ("job.requested", lambda ids: {"schema": "public", "table": "orders"}),
    "create_schedule": (
        "schedule.created",
        lambda ids: {"name": "n", "cron": "30 2 * * *", "project_id": ids["project_id"]},
    ),
    "update_schedule": ("schedule.updated", lambda ids: {"name": "nightly"}),
    "delete_schedule": ("schedule.deleted", nothing),
    "run_schedule": ("backup.requested", nothing),
    "accept_retention": ("retention.accepted", lambda ids: {"project_id": ids["project_id"]}),
}
READING = frozenset({"preview_retention"})
"""Sent by POST for the sake of its body; it changes nothing."""
REDEEMED = "redeem_link"
"""Made without a key: its event names the link itself."""


@pytest.fixture
def ids(
    services: Services,
    client_for: Callable[..., httpx.Client],
    make_project: Callable[..., Project],
    make_backup: Callable[..., Backup],
) -> dict[str, str]:
    """Ids of one thing of each kind; the project to delete has no backups."""
    project, empty = make_project(), make_project("empty")
    backup = make_backup(project)
    link, token = services.links.create("test", backup, NewLink())
    new = NewRestore(backup.id, project.id, RestoreOptions())
    nightly = {"name": "n", "cron": "30 2 * * *", "project_id": project.id}
    admin = client_for(Role.ADMIN)
    admin.patch(f"/v1/projects/{project.id}", json={"retention": {"keep_last": 3}})
    scheduled = admin.post("/v1/schedules", json=nightly).json()
    channel = NewChannel("y", ChannelKind.WEBHOOK, SecretStr("https://hooks.example.org/"))
    return {
        "project_id": project.id,
        "empty_id": empty.id,
        "backup_id": backup.id,
        # nobody deletes what is being restored
        "spare_id": make_backup(project).id,
        "pending_id": make_backup(project, status=Status.PENDING).id,
        "restore_id": services.restores.request("test", new).id,
        "link_id": link.id,
        "token": token,
        "key_id": services.access.create("test", NewKey("k", Role.VIEWER))[0].id,
        "channel_id": services.channels.create("test", channel)[0].id,
        "schedule_id": scheduled["id"],
        "name": "public.orders",
    }


def path_values(name: str, ids: Mapping[str, str]) -> dict[str, str]:
    chosen = {
        "delete_project": ("project_id", "empty_id"),
        "cancel_backup": ("backup_id", "pending_id"),
        "delete_backup": ("backup_id", "spare_id"),
    }
    instead = {own: ids[other] for own, other in [chosen[name]]} if name in chosen else {}
    return {**ids, **instead}


def test_the_table_holds_every_write_of_the_api() -> None:
    writing = {one.name for one in ALL if one.method not in {"GET", "HEAD"}}

    assert writing == {*WRITES, *READING, REDEEMED}


@pytest.mark.parametrize("name", sorted(WRITES))
def test_a_write_names_its_key_and_no_secret(
    client: httpx.Client, services: Services, ids: dict[str, str], name: str
) -> None:
    (route,) = (one for one in ALL if one.name == name)
    action, body = WRITES[name]
    key_id = client.headers["authorization"].split("_")[1]

    answer = client.request(
        route.method, route.path.format(**path_values(name, ids)), json=body(ids)
    )

    assert answer.is_success, answer.text
    log = client.get("/v1/audit", params={"who": f"key:{key_id}"})
    assert action in {event["action"] for event in log.json()["items"]}
    assert not found_in(log.content, CANARY.encode())


def test_a_redeemed_link_is_told_by_its_own_name(client: httpx.Client, ids: dict[str, str]) -> None:
    client.post(f"/downloads/{ids['token']}")

    (event,) = client.get("/v1/audit", params={"what": "link.redeemed"}).json()["items"]
    assert (event["actor"], event["details"]["link"]) == ("link", ids["link_id"])
