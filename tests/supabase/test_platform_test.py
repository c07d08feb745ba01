"""Promises of the test of a Supabase project, through the job, against a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import AuthenticationFailed
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.project import Project
from chalicelib.domain.supabase import SupabaseSettings
from chalicelib.domain.supabase_url import direct_endpoint
from chalicelib.engine.asking import PostgresAsker
from chalicelib.local.supabase.stand_in import SupabaseStandIn
from chalicelib.services.projects import NewProject, PlatformKeys
from chalicelib.settings import Settings
from chalicelib.supabase.management import ManagementApi
from chalicelib.supabase.platform_test import LOGIN_PAUSES_S, PlatformTest, Tried
from tests.support.dumping import Dumper, execute
from tests.support.supabase import running_stand_in

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def stand_in() -> Iterator[SupabaseStandIn]:
    with running_stand_in() as found:
        found.seed(users=2, files=1)
        yield found


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return embedded(Settings(data=tmp_path))


@pytest.fixture
def tested(services: Services, stand_in: SupabaseStandIn) -> Callable[..., Job]:
    """Run the test job of a project over the stand-in; settings and keys may be others."""

    def test(keys: PlatformKeys | None = None, **settings: object) -> Job:
        project = _created(services, stand_in, keys, settings)
        job = services.jobs.request("me", JobKind.TEST, project.id, JobArguments())
        return services.job_runner("worker").run(job.id)

    return test


def _created(
    services: Services,
    stand_in: SupabaseStandIn,
    keys: PlatformKeys | None,
    settings: dict[str, object],
) -> Project:
    password = stand_in.connection.password
    said = {"ref": stand_in.ref, "api_url": stand_in.api_url, **settings}
    new = NewProject(
        "shop",
        Connection(direct_endpoint(stand_in.ref), password),
        {},
        supabase=SupabaseSettings.model_validate(said),
        keys=keys or PlatformKeys(stand_in.access_token, stand_in.service_key),
    )
    return services.projects.create("me", new)


def result(job: Job) -> dict[str, Any]:
    assert job.error is None
    assert job.result is not None
    return job.result


def why_not(job: Job) -> dict[str, str | None]:
    return {name: one["why_not"] for name, one in result(job)["supabase"]["components"].items()}


def test_a_whole_project_can_be_taken(
    tested: Callable[..., Job], stand_in: SupabaseStandIn
) -> None:
    told = result(tested())

    assert told["problems"] == []
    assert (told["user"], told["bypasses_rls"]) == (f"postgres.{stand_in.ref}", True)
    platform = told["supabase"]
    assert (platform["port"], platform["status"]) == (stand_in.pooler.port, "ACTIVE_HEALTHY")
    assert platform["timeouts_ms"]["statement_timeout"] == 120_000
    assert platform["role"]["name"] == "postgres"
    assert platform["connections_left"] > 50


def test_no_secret_stands_in_the_result(
    tested: Callable[..., Job], stand_in: SupabaseStandIn
) -> None:
    text = tested().model_dump_json()

    secrets = (stand_in.access_token, stand_in.service_key, stand_in.connection.password)
    assert not any(secret in text for secret in secrets)


def test_without_keys_what_they_open_is_a_problem(
    stand_in: SupabaseStandIn, tmp_path: Path
) -> None:
    keyless = Tried(stand_in.settings, lambda: stand_in.connection, None, None)

    report, told = _trial(tmp_path, print).run(keyless)

    assert [problem.partition(":")[0] for problem in report.problems] == [
        "storage",
        "functions",
        "config",
    ]
    assert "no access token" in told["management_api"]


def test_a_wrong_token_leaves_the_database_to_be_taken(
    stand_in: SupabaseStandIn, tmp_path: Path
) -> None:
    wrong = Tried(stand_in.settings, lambda: stand_in.connection, "sbp_wrong", None)

    _, told = _trial(tmp_path, print).run(wrong)

    assert "refused the access token" in told["components"]["config"]["why_not"]
    assert told["components"]["auth"]["can_be_taken"]


def test_a_missing_scope_is_a_problem_unless_the_component_may_be_missing(
    tested: Callable[..., Job], stand_in: SupabaseStandIn
) -> None:
    stand_in.platform.scopes = frozenset({"projects:read", "database:read"})
    try:
        needed, optional = tested(), tested(optional=("functions", "config"))
    finally:
        stand_in.platform.scopes = None

    assert "edge_functions:read" in (why_not(needed)["functions"] or "")
    assert [problem.partition(":")[0] for problem in result(needed)["problems"]] == [
        "functions",
        "config",
    ]
    assert result(optional)["problems"] == []


def test_a_wrong_key_to_storage_is_a_problem(
    tested: Callable[..., Job], stand_in: SupabaseStandIn
) -> None:
    job = tested(PlatformKeys(stand_in.access_token, "wrong"))

    assert "refused its key" in (why_not(job)["storage"] or "")


def test_a_paused_project_is_unreachable(
    tested: Callable[..., Job], stand_in: SupabaseStandIn
) -> None:
    stand_in.platform.status = "INACTIVE"
    try:
        job = tested()
    finally:
        stand_in.platform.status = "ACTIVE_HEALTHY"

    assert job.error is not None
    assert (job.error.code, "paused" in job.error.message) == ("source_unreachable", True)


def test_an_unknown_reference_is_said(tested: Callable[..., Job]) -> None:
    job = tested(ref="z" * 20)

    assert job.error is not None
    assert job.error.code == "not_found"


def test_a_role_that_sees_too_little_is_told_table_by_table(
    stand_in: SupabaseStandIn, tmp_path: Path
) -> None:
    execute(stand_in.admin_connection, "CREATE ROLE poor LOGIN BYPASSRLS PASSWORD 'pw'")
    poor = stand_in.connection_as("poor", "pw")

    report, told = _trial(tmp_path, print).run(
        Tried(stand_in.settings, lambda: poor, stand_in.access_token, stand_in.service_key)
    )

    assert "may not read auth.identities" in told["components"]["auth"]["why_not"]
    assert any("large object" in warning for warning in report.warnings)
    assert any(problem.startswith("database: the role may not read") for problem in report.problems)


def test_a_password_that_was_just_rotated_is_tried_again(
    stand_in: SupabaseStandIn, tmp_path: Path
) -> None:
    execute(stand_in.admin_connection, "CREATE ROLE late LOGIN BYPASSRLS PASSWORD 'old'")
    execute(stand_in.admin_connection, "GRANT pg_read_all_data TO late")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            execute(stand_in.admin_connection, "ALTER ROLE late PASSWORD 'new'")

    late = stand_in.connection_as("late", "new")
    _, told = _trial(tmp_path, pause).run(Tried(stand_in.settings, lambda: late, None, None))

    assert tuple(pauses) == LOGIN_PAUSES_S[:2]
    assert told["role"]["name"] == "late"


def test_a_wrong_password_is_not_tried_for_ever(stand_in: SupabaseStandIn, tmp_path: Path) -> None:
    pauses: list[float] = []
    wrong = Connection(stand_in.connection.endpoint, "wrong")

    with pytest.raises(AuthenticationFailed):
        _trial(tmp_path, pauses.append).run(Tried(stand_in.settings, lambda: wrong, None, None))

    assert tuple(pauses) == LOGIN_PAUSES_S


def _trial(folder: Path, pause: Any) -> PlatformTest:
    def opened(settings: SupabaseSettings, token: str) -> ManagementApi:
        return ManagementApi(settings, token, lambda _: None)

    return PlatformTest(Dumper(folder).engine, PostgresAsker(5.0).ask, opened, pause)
