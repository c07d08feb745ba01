"""What the pages are for: look, ask for a backup, keep what was typed, delete with care."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup, Status, Trigger
from chalicelib.domain.job import JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query, Replace
from chalicelib.services.access import NewKey
from tests.dashboard.conftest import Browser
from tests.support.completed import stored_backup

EndedLook = Callable[[JobKind, object], str]
REQUEST = "01JD0000000000000000000000"


def _all(services: Services) -> tuple[Backup, ...]:
    return services.ledger.catalog.find(Query(Backup)).items


def test_an_empty_service_teaches_the_first_steps(browser: Browser) -> None:
    seen = browser.see("/")

    assert "Nothing is backed up yet." in seen
    assert "Add a project" in seen


def test_the_overview_says_that_all_is_well(
    services: Services, browser: Browser, project: Project
) -> None:
    stored_backup(services, project, validated=True)

    assert "Everything is all right." in browser.see("/")


def test_asking_for_a_backup_leads_to_its_page(
    services: Services, browser: Browser, project: Project
) -> None:
    answer = browser.post(
        "/dashboard/backups/manual",
        project=project.id,
        type="schema",
        compression="gzip",
        description="before the release",
        tags="git=4f2d9c1\nmigration = 42",
        request=REQUEST,
    )

    (backup,) = _all(services)
    assert answer.headers["location"] == f"/dashboard/backups/{backup.id}?notice=started"
    assert (backup.options.type, backup.tags) == ("schema", {"git": "4f2d9c1", "migration": "42"})
    assert backup.trigger is Trigger.MANUAL


def test_a_form_sent_twice_asks_for_one_backup(
    services: Services, browser: Browser, project: Project
) -> None:
    fields = {"project": project.id, "request": REQUEST}

    first = browser.post("/dashboard/backups/manual", **fields)
    second = browser.post("/dashboard/backups/manual", **fields)

    assert first.headers["location"] == second.headers["location"]
    assert len(_all(services)) == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("tags", "nonsense", "name=value"),
        ("format", "custom", "compression bzip2 goes with format plain only"),
        ("name", "x" * 201, "at most 200"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_the_rest_is_kept(
    browser: Browser, project: Project, field: str, value: str, said: str
) -> None:
    fields = {"project": project.id, "description": "kept", "compression": "bzip2"}

    answer = browser.post(
        "/dashboard/backups/manual", **(fields | {"request": REQUEST, field: value})
    )

    assert answer.status_code == 422
    assert f'id="{field}-wrong"' in answer.text
    assert said in answer.text
    assert "kept" in answer.text


def test_a_project_is_added_and_its_connection_tried(services: Services, browser: Browser) -> None:
    answer = browser.post(
        "/dashboard/projects", url="postgresql://me:s3cret@db.example.org/shop", tags="team=a"
    )

    (project,) = services.ledger.catalog.find(Query(Project)).items
    assert (project.name, project.tags) == ("shop@db.example.org", {"team": "a"})
    assert answer.headers["location"].startswith(f"/dashboard/projects/{project.id}/tests/")
    assert "s3cret" not in browser.see(answer.headers["location"])


def test_a_url_that_cannot_be_is_never_sent_back(browser: Browser) -> None:
    answer = browser.post("/dashboard/projects", url="mysql://me:s3cret@db/shop", name="mine")

    assert answer.status_code == 422
    assert "must begin with postgresql://" in answer.text
    assert "s3cret" not in answer.text
    assert 'value="mine"' in answer.text


@pytest.mark.parametrize(
    ("confirm", "is_left"), [("nightly", False), ("Nightly", True), ("", True)]
)
def test_a_backup_is_deleted_only_by_its_name(
    services: Services, browser: Browser, project: Project, confirm: str, *, is_left: bool
) -> None:
    backup = stored_backup(services, project, name="nightly")

    browser.post(f"/dashboard/backups/{backup.id}/delete", confirm=confirm)

    assert bool(_all(services)) is is_left


def test_a_download_goes_to_the_stores_own_door(
    services: Services, browser: Browser, project: Project
) -> None:
    backup = stored_backup(services, project, b"PGDMP bytes")

    answer = browser.post(f"/dashboard/backups/{backup.id}/download")

    assert answer.status_code == 303
    assert browser.http.get(answer.headers["location"]).content == b"PGDMP bytes"


def test_a_backup_without_its_project_is_still_shown(
    services: Services, browser: Browser, project: Project
) -> None:
    backup = stored_backup(
        services, project.model_copy(update={"id": "01JD0000000000000000GONE00"})
    )

    assert "(deleted)" in browser.see(f"/dashboard/backups/{backup.id}")


@pytest.mark.parametrize(
    ("query", "shown"),
    [("status=failed", {"bad"}), ("q=NIGHT", {"nightly"}), ("status=&q=", {"bad", "nightly"})],
)
def test_the_history_is_filtered(
    services: Services, browser: Browser, project: Project, query: str, shown: set[str]
) -> None:
    stored_backup(services, project, name="nightly")
    stored_backup(services, project, name="bad", status=Status.FAILED)

    seen = browser.see(f"/dashboard/backups/history?{query}")

    assert {name for name in ("nightly", "bad") if f">{name}</a>" in seen} == shown


def test_the_history_goes_on_page_by_page_without_gaps(
    services: Services, browser: Browser, project: Project
) -> None:
    names = [f"backup-{number:02}" for number in range(30)]
    for name in names:
        stored_backup(services, project, name=name)

    first = browser.see("/dashboard/backups/history?q=backup")
    link = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = browser.see("/dashboard/backups/history" + link)

    assert sorted(name for name in names if f">{name}</a>" in first + second) == names


def test_the_progress_is_told_as_the_api_tells_it(
    services: Services, browser: Browser, project: Project
) -> None:
    backup = stored_backup(services, project)

    answer = browser.http.get(f"/dashboard/backups/{backup.id}/progress")

    assert answer.json()["status"] == "completed"
    assert answer.headers["cache-control"] == "no-store"


def test_files_are_kept_by_browsers_once_named_with_their_digest(browser: Browser) -> None:
    page = browser.see("/")
    link = page.partition('rel="stylesheet" href="')[2].partition('"')[0]

    named, bare = browser.http.get(link), browser.http.get(link.partition("?")[0])

    assert "immutable" in named.headers["cache-control"]
    assert bare.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["..%2f..%2fapp.py", "holdfast.css%00", "base.html", "%2e%2e"])
def test_nothing_but_the_files_of_the_pages_is_sent(browser: Browser, name: str) -> None:
    assert browser.http.get(f"/dashboard/static/{name}").status_code in {400, 404}


def test_all_that_a_page_loads_stays_small(browser: Browser) -> None:
    page = browser.see("/")
    links = [part.partition('"')[0] for part in page.split('="/dashboard/static/')[1:]]

    loaded = {link: len(browser.http.get(f"/dashboard/static/{link}").content) for link in links}

    assert len(page) + sum(loaded.values()) < 120_000


def test_a_new_key_is_shown_once_and_opens_a_session(browser: Browser) -> None:
    made = browser.post("/dashboard/keys", name="pipeline", role="operator").text
    token = made.partition('<code class="secret">')[2].partition("<")[0]

    assert browser.http.post("/session", data={"key": token}).status_code == 303
    assert token not in browser.see("/dashboard/projects")


def test_a_revoked_key_signs_nobody_in(services: Services, browser: Browser) -> None:
    key, token = services.access.create("test", NewKey("old", Role.VIEWER))

    browser.post(f"/dashboard/keys/{key.id}/revoke")

    assert browser.http.post("/session", data={"key": token}).status_code == 422


CONTENTS = {
    "database": "shop", "server_version": "18", "dump_version": "18", "compression": "gzip",
    "entries": 1, "stored_bytes": 9, "sizes_from": "offsets", "left_out": 0, "read_bytes": 4,
    "schemas": [{"name": 'a"b', "objects": [{"kind": "TABLE", "name": "Odd.name", "rows": 3}]}],
}  # fmt: skip
ROWS = {
    "schema_name": "public", "table": "orders", "columns": ["id", "note"],
    "rows": [["1", None], ["2", "<b>"]], "is_all": True, "read_bytes": 4,
}  # fmt: skip


@pytest.fixture
def ended_look(services: Services, project: Project) -> EndedLook:
    """Give the page of a look inside a backup that a worker has ended with this result."""

    def make(kind: JobKind, result: object) -> str:
        backup = stored_backup(services, project)
        arguments = JobArguments(backup_id=backup.id)
        job = services.jobs.request("test", kind, project.id, arguments)
        ended = {"status": Status.COMPLETED, "result": result}
        services.ledger.catalog.commit([Replace(job.model_copy(update=ended))])
        return f"/dashboard/backups/{backup.id}/inside/{job.id}"

    return make


@pytest.mark.parametrize(
    ("kind", "result", "shown"),
    [
        (JobKind.CONTENTS, CONTENTS, ["&#34;a&#34;&#34;b&#34;.&#34;Odd.name&#34;", "First rows"]),
        (JobKind.ROWS, ROWS, ["&lt;b&gt;", "null", "All rows"]),
    ],
)
def test_what_a_worker_found_inside_is_shown(
    browser: Browser, ended_look: EndedLook, kind: JobKind, result: object, shown: list[str]
) -> None:
    seen = browser.see(ended_look(kind, result))

    assert [text for text in shown if text not in seen] == []


def test_a_job_of_another_backup_is_not_shown(
    services: Services, browser: Browser, project: Project
) -> None:
    one, other = stored_backup(services, project), stored_backup(services, project)
    arguments = JobArguments(backup_id=other.id)
    job = services.jobs.request("test", JobKind.CONTENTS, project.id, arguments)

    browser.see(f"/dashboard/backups/{one.id}/inside/{job.id}", status=404)


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("/dashboard/first-run", "/"),
        ("/dashboard/backups/{backup}", "/dashboard/backups/history"),
        ("/dashboard/backups/restore", "/dashboard/restores"),
        ("/dashboard/projects/{project}/edit", "/dashboard/projects"),
        ("/dashboard/projects/supabase", "/dashboard/projects"),
        ("/dashboard/schedules/new", "/dashboard/backups/scheduled"),
        ("/dashboard/keys", "/dashboard/settings"),
    ],
)
def test_the_menu_tells_which_part_a_page_is_in(
    services: Services, browser: Browser, project: Project, path: str, section: str
) -> None:
    backup = stored_backup(services, project)

    seen = browser.see(path.format(project=project.id, backup=backup.id))

    assert seen.count('aria-current="true"') == 1
    assert f'href="{section}" aria-current="true"' in seen


def test_whoever_was_sent_a_dead_link_is_led_nowhere(
    anonymous: Callable[[], httpx.Client],
) -> None:
    answer = anonymous().get("/links/nothing.here")

    assert answer.status_code == 404
    assert "Ask for a new link" in answer.text
    assert "<a href=" not in answer.text.partition("<main")[2]
