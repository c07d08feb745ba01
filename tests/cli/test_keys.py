"""`holdfast keys …`, and how far a key reaches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.access import Role

FIELDS = {
    "id",
    "name",
    "role",
    "projects",
    "created_at",
    "created_by",
    "expires_at",
    "revoked_at",
}


def _create(shell: Any, *options: str) -> dict[str, Any]:
    done = shell.run("keys", "create", "ci", *options, "--json")
    assert done.code == 0, done.out
    made: dict[str, Any] = done.json
    return made


def _project(shell: Any, name: str = "shop") -> str:
    done = shell.run("projects", "create", "postgresql://u:p@h/d", "--name", name, "--json")
    return str(done.json["id"])


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_a_new_key_has_these_fields_and_its_token(either: Any, role: str) -> None:
    made = _create(either, "--role", role)

    assert made.keys() == FIELDS | {"token"}
    assert (made["role"], made["projects"], made["expires_at"]) == (role, None, None)
    assert made["token"].startswith(f"hf_{made['id']}_")


def test_a_list_shows_keys_and_no_token(either: Any) -> None:
    made = _create(either, "--role", "viewer")

    listed = either.run("keys", "list", "--json")
    plain = either.run("keys", "list")

    (item,) = [item for item in listed.json["items"] if item["id"] == made["id"]]
    assert item.keys() == FIELDS
    assert made["token"].rpartition("_")[2] not in listed.out + plain.out


def test_days_are_the_key_s_life(either: Any) -> None:
    made = _create(either, "--role", "viewer", "--days", "7")

    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


@pytest.mark.parametrize("days", ["0", "3651", "many"])
def test_a_life_that_cannot_be_is_wrong_usage(shell: Any, days: str) -> None:
    assert shell.run("keys", "create", "ci", "--role", "viewer", "--days", days).code == 2


def test_a_key_can_be_kept_to_projects(either: Any) -> None:
    one, two = _project(either, "one"), _project(either, "two")

    made = _create(either, "--role", "viewer", "--project", one, "--project", two)

    assert made["projects"] == [one, two]


def test_a_key_of_one_project_sees_only_that(remote: Any, served: Any) -> None:
    mine, other = _project(remote, "mine"), _project(remote, "other")
    key = served.key(Role.ADMIN, (mine,))

    listed = remote.run("projects", "list", "--json", HOLDFAST_API_KEY=key).json
    shown = remote.run("projects", "show", other, "--json", HOLDFAST_API_KEY=key)

    assert [item["id"] for item in listed["items"]] == [mine]
    assert shown.json["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("role", "words"),
    [
        (Role.VIEWER, ("backups", "create", "--project", "PROJECT")),
        (Role.VIEWER, ("projects", "test", "PROJECT")),
        (Role.VIEWER, ("projects", "update", "PROJECT", "--name", "x")),
        (Role.VIEWER, ("keys", "list")),
        (Role.OPERATOR, ("projects", "create", "postgresql://h/d")),
        (Role.OPERATOR, ("projects", "delete", "PROJECT")),
        (Role.OPERATOR, ("keys", "create", "mine", "--role", "admin")),
    ],
)
def test_a_role_that_does_not_reach_is_told(
    remote: Any, served: Any, role: Role, words: tuple[str, ...]
) -> None:
    project = _project(remote)
    given = [project if word == "PROJECT" else word for word in words]

    done = remote.run(*given, "--json", HOLDFAST_API_KEY=served.key(role))

    assert (done.code, done.json["error"]["code"]) == (1, "forbidden")
    assert "role" in done.json["error"]["hint"]


@pytest.mark.parametrize("role", Role)
def test_every_role_may_look(remote: Any, served: Any, role: Role) -> None:
    project = _project(remote)

    done = remote.run("projects", "show", project, HOLDFAST_API_KEY=served.key(role))

    assert done.code == 0


def test_a_revoked_key_ends_at_once(remote: Any) -> None:
    made = _create(remote, "--role", "admin")
    before = remote.run("projects", "list", HOLDFAST_API_KEY=made["token"])

    revoked = remote.run("keys", "revoke", made["id"], "--json")
    after = remote.run("projects", "list", "--json", HOLDFAST_API_KEY=made["token"])

    assert (before.code, revoked.json) == (0, {"id": made["id"], "revoked": True})
    assert (after.code, after.json["error"]["code"]) == (1, "unauthenticated")


@pytest.mark.parametrize("key", ["wrong", "hf_01JD_canary-token-5", "hf__", "Bearer x"])
def test_a_wrong_key_is_refused_unrepeated(remote: Any, key: str) -> None:
    done = remote.run("projects", "list", HOLDFAST_API_KEY=key)

    assert done.code == 1
    assert done.err.startswith("error: ")
    assert "canary" not in done.out + done.err


def test_an_id_never_leads_to_another_kind_of_thing(either: Any) -> None:
    made = _create(either, "--role", "viewer")

    done = either.run("backups", "delete", f"../keys/{made['id']}", "--yes")

    listed = either.run("keys", "list", "--json").json["items"]
    assert done.code == 2
    assert [item["revoked_at"] for item in listed if item["id"] == made["id"]] == [None]
