"""The audit log, statistics and metrics over the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import BackupOptions
from chalicelib.domain.errors import DumpFailed
from chalicelib.domain.project import Project
from chalicelib.local.server import web_app
from chalicelib.services.backups import NewBackup
from chalicelib.services.links import NewLink
from tests.support.world import ScriptedEngine


@pytest.fixture
def run_backup(services: Services) -> Callable[..., str]:
    """Run a backup of a project to its end, over an engine without PostgreSQL."""

    def run(project: Project, **script: object) -> str:
        engine = ScriptedEngine(**script)  # type: ignore[arg-type]  # fields of its own
        adapters = replace(services.adapters, engine=lambda: engine)
        working = Services(services.settings, adapters)
        backup = working.backups.request("test", NewBackup(project.id, BackupOptions()))
        return working.backup_runner("worker-1").run(backup.id).id

    return run


def broken(watch: object) -> None:
    raise DumpFailed("it broke")


# -- audit


def test_the_log_tells_newest_first_who_did_what(client: httpx.Client, project: Project) -> None:
    client.patch(f"/v1/projects/{project.id}", json={"name": "store"})

    event = client.get("/v1/audit", params={"project": project.id}).json()["items"][0]

    assert (event["action"], event["subject_id"]) == ("project.updated", project.id)
    assert event["actor"].startswith("key:")
    assert (event["before"], event["after"]) == ({"name": '"shop"'}, {"name": '"store"'})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"what": "project.created"}, {"project.created"}),
        ({"what": "project"}, {"project.created", "project.deleted"}),
        ({"who": "test", "what": "project"}, {"project.created"}),
        ({"who": "nobody"}, set()),
        ({"from": "2026-03-02T00:00:00Z"}, set()),
        ({"to": "2026-03-01T00:00:00Z"}, set()),
        (
            {"what": "project", "from": "2026-03-01T00:00:00Z"},
            {"project.created", "project.deleted"},
        ),
    ],
)
def test_the_log_is_filtered(
    client: httpx.Client, project: Project, query: dict[str, str], expected: set[str]
) -> None:
    client.delete(f"/v1/projects/{project.id}")

    items = client.get("/v1/audit", params=query).json()["items"]

    assert {item["action"] for item in items} == expected


def test_pages_of_the_log_hold_every_event_once(client: httpx.Client, project: Project) -> None:
    for number in range(5):
        client.patch(f"/v1/projects/{project.id}", json={"name": f"shop {number}"})
    seen: list[str] = []
    cursor = None
    while True:
        params: dict[str, str | int] = {
            "project": project.id,
            "limit": 2,
            **({"cursor": cursor} if cursor else {}),
        }
        page = client.get("/v1/audit", params=params).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert (len(seen), seen) == (6, sorted(set(seen), reverse=True))


def test_an_admin_of_some_projects_sees_their_events_only(
    client_for: Callable[..., httpx.Client],
    make_project: Callable[..., Project],
    project: Project,
) -> None:
    other = make_project("other")
    limited = client_for(Role.ADMIN, projects=(project.id,))

    seen = {event["project_id"] for event in limited.get("/v1/audit").json()["items"]}

    assert seen == {project.id}
    assert limited.get("/v1/audit", params={"project": other.id}).status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_admins_read_the_log(client_for: Callable[..., httpx.Client], role: Role) -> None:
    assert client_for(role).get("/v1/audit").status_code == 403


def test_a_changed_password_is_told_without_the_password(
    client: httpx.Client, project: Project
) -> None:
    client.patch(f"/v1/projects/{project.id}", json={"password": "canary-new-password"})

    answer = client.get("/v1/audit", params={"project": project.id})

    assert answer.json()["items"][0]["details"]["password"] == "changed"
    assert "canary" not in answer.text


# -- statistics


def test_statistics_count_what_ended(
    client: httpx.Client, project: Project, run_backup: Callable[..., str]
) -> None:
    last = [run_backup(project) for _ in range(2)][-1]
    run_backup(project, during=broken)

    (found,) = client.get("/v1/stats", params={"project": project.id}).json()["items"]

    total = found["total"]
    assert (total["backups_completed"], total["backups_failed"]) == (2, 1)
    assert total["success_rate"] == pytest.approx(2 / 3)
    assert (found["last_backup_id"], total["mean_stored_bytes"] > 0) == (last, True)
    assert [day["day"] for day in found["days"]] == ["2026-03-01"]


def test_redeemed_links_are_counted_once_each(
    client: httpx.Client, services: Services, project: Project, run_backup: Callable[..., str]
) -> None:
    backup = services.backups.get(run_backup(project))
    for _ in range(3):
        _, token = services.links.create("test", backup, NewLink())
        services.link_signer.redeem(token)
        services.link_signer.redeem(token)  # a download that goes on is no other use

    (found,) = client.get("/v1/stats", params={"project": project.id}).json()["items"]

    assert found["total"]["links_redeemed"] == 3


def test_the_age_of_the_last_success_grows_and_old_days_fall_out(
    client: httpx.Client,
    project: Project,
    run_backup: Callable[..., str],
    advance: Callable[[timedelta], None],
) -> None:
    run_backup(project)
    advance(timedelta(days=3))
    run_backup(project, during=broken)

    (found,) = client.get("/v1/stats", params={"days": 3}).json()["items"]

    assert found["last_success_age_s"] == pytest.approx(3 * 86_400, abs=60)
    assert (found["total"]["backups_completed"], found["total"]["backups_failed"]) == (0, 1)


def test_statistics_show_what_the_key_sees(
    client_for: Callable[..., httpx.Client],
    make_project: Callable[..., Project],
    project: Project,
) -> None:
    other = make_project("other")
    limited = client_for(Role.VIEWER, projects=(project.id,))

    seen = [item["project_id"] for item in limited.get("/v1/stats").json()["items"]]

    assert seen == [project.id]
    assert limited.get("/v1/stats", params={"project": other.id}).status_code == 404


# -- metrics


def values_of(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_metrics_tell_ages_counts_sizes_and_the_sweeper(
    client: httpx.Client, services: Services, project: Project, run_backup: Callable[..., str]
) -> None:
    run_backup(project)
    services.backups.request("test", NewBackup(project.id, BackupOptions()))
    services.sweeper.sweep()

    answer = client.get("/metrics")

    found = values_of(answer.text)
    of_project = f'{{project="{project.id}",name="shop"}}'
    ended = f'holdfast_backups_ended{{project="{project.id}",name="shop",status="completed"}}'
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert found[f"holdfast_last_success_age_seconds{of_project}"] == 0
    assert found[ended] == 1
    assert found[f"holdfast_last_backup_stored_bytes{of_project}"] > 0
    assert found['holdfast_backups_open{status="pending"}'] == 1
    assert found["holdfast_sweeper_last_run_timestamp_seconds"] == (
        services.ledger.clock.now().timestamp()
    )


def test_a_name_cannot_break_out_of_its_label(
    client: httpx.Client, make_project: Callable[..., Project]
) -> None:
    make_project('a"} 1\nholdfast_forged 1 \\')

    text = client.get("/metrics").text

    assert not [line for line in text.splitlines() if line.startswith("holdfast_forged")]


def test_metrics_show_what_the_key_sees(
    client_for: Callable[..., httpx.Client],
    make_project: Callable[..., Project],
    project: Project,
) -> None:
    other = make_project("other")

    text = client_for(Role.VIEWER, projects=(project.id,)).get("/metrics").text

    assert project.id in text
    assert other.id not in text
    assert "queue_age" not in text


@pytest.mark.parametrize(("setting", "status"), [("key", 401), ("open", 200)])
def test_a_setting_opens_metrics_and_nothing_else(
    services: Services, setting: str, status: int
) -> None:
    settings = services.settings.model_copy(update={"metrics": setting})
    app = web_app(Services(settings, services.adapters))
    stranger = httpx.Client(transport=httpx.WSGITransport(app), base_url="http://holdfast.test")

    with stranger:
        answers = [stranger.get(path).status_code for path in ("/metrics", "/v1/stats")]

    assert answers == [status, 401]
