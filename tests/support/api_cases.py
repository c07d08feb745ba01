"""Generated requests against a whole service in this process, judged by schemathesis.

Every built-in check of schemathesis is on. One of them, that what fits the schema is taken, meets
rules that no schema can state; `RULES` names each of them, and nothing else is excused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case as AnyCase
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.schemas import APIOperation, BaseSchema

from chalicelib import __version__
from chalicelib.adapters.embedded.catalog import SqliteCatalog
from chalicelib.adapters.system import SystemClock
from chalicelib.api.openapi import document
from chalicelib.api.routes import ALL
from chalicelib.bootstrap.adapters import embedded_adapters
from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.local.server import web_app
from chalicelib.local.wsgi import WsgiApp
from chalicelib.services.access import NewKey
from chalicelib.settings import Settings
from tests.support.api_things import Things, aim

Case = AnyCase[Any]
Operation = APIOperation[Any, Any, Any, Any]

BASE_URL: Final = "http://localhost"
UNLIMITED: Final = {
    "requests_per_minute": 0,
    "starts_per_minute": 0,
    "strangers_per_minute": 0,
}
RULES: Final = frozenset(
    {
        ("cursor", "the cursor is not one of ours"),
        ("cursor", "the cursor belongs to another list or filter"),
        ("expires_at", "the key would have expired already"),
        ("expires_at", "should not be before 1970"),
        ("from", "should not be before 1970"),
        ("to", "should not be before 1970"),
        ("body", "name at least one field to change"),
        ("body", "fields of a Supabase project are for projects of kind supabase"),
        ("projects", "there is no such project"),
        ("artefact", "the backup has no such artefact"),
        ("name", "this cannot be the name of a table"),
        ("format", "compression bzip2 goes with format plain only"),
        ("assertions", "two assertions have the same name"),
        ("target", "give either project_id, or url, or host and the like"),
        ("target", "url stands alone: leave out host, port, user and the like"),
        ("policy.timezone", "no such IANA time zone"),
        ("retention.timezone", "no such IANA time zone"),
        ("policy", "there is no retention policy to apply"),
        ("kind", "topics of SNS are for installations on AWS"),
        ("events", "channel.test cannot be chosen: a test always arrives"),
        ("body", "schema_only and data_only exclude each other"),
        ("confirmation", "the confirmation does not name the target of this restore"),
        ("confirmation", "clean drops objects of the target and was not confirmed"),
        ("body", "give either project_id or project_tag"),
        ("options.format", "compression bzip2 goes with format plain only"),
    }
)
"""Why a request that fits its schema may be refused all the same: a field, and what is said."""

TOLD_APART: Final = frozenset({"url", "host", "target.url", "target.host", "cron", "timezone"})
"""Fields with a grammar of their own, far beyond patterns; whatever is said of them may be said."""


class HastyClock(SystemClock):
    """Let half a minute go by with every look, so that nothing waits for what nobody does."""

    def __init__(self) -> None:
        self._monotonic = 0.0

    def monotonic(self) -> float:
        self._monotonic += 30.0
        return self._monotonic


@dataclass
class ApiWorld:
    """Hold a service with one thing of each kind in it, and the key of an admin."""

    app: WsgiApp
    headers: dict[str, str]
    things: Things


@dataclass
class Tally:
    """Count what was sent, what was answered, and what was excused by which rule."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@contextmanager
def api_world(folder: Path) -> Iterator[ApiWorld]:
    """Open a service over a folder, without limits of rate and without workers."""
    given_settings = Settings.model_validate({"data": folder, **UNLIMITED})
    adapters = replace(embedded_adapters(given_settings), clock=HastyClock())
    services = Services(given_settings, adapters)
    _, token = services.access.create("test", NewKey("test", Role.ADMIN))
    headers = {"Authorization": f"Bearer {token}"}
    yield ApiWorld(web_app(services).api, headers, Things(services))
    if isinstance(adapters.catalog, SqliteCatalog):
        adapters.catalog.close()


def api_schema(app: WsgiApp) -> BaseSchema:
    """Return the published document as schemathesis reads it, in front of an application."""
    config = SchemathesisConfig()
    # What is larger than any request of ours is refused before anybody looks what it says.
    refusals = config.projects.default.checks.negative_data_rejection
    refusals.expected_statuses = [*refusals.expected_statuses, "413"]
    config.projects.default.base_url = BASE_URL
    config.projects.default.generation.database = "none"
    # Otherwise a quarter of all cases would only be told that their key is none of ours.
    config.projects.default.generation.with_security_parameters = False
    loaded = document(tuple(ALL), __version__).root
    schema = schemathesis.openapi.from_dict(loaded, config=config)
    schema.app = app
    return schema


def operations(schema: BaseSchema) -> dict[str, Operation]:
    """Return the operations of a schema by method and path."""
    found = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    return {one.label: one for one in found}


def send(case: Case, world: ApiWorld, tally: Tally) -> None:
    """Send a case and judge the answer; FailureGroup when any check fails."""
    response = case.call(headers=world.headers)
    tally.cases += 1
    tally.statuses[response.status_code] += 1
    try:
        case.validate_response(
            response,
            headers=world.headers,
            transport_kwargs={"headers": world.headers},
        )
    except FailureGroup as group:
        rule = rule_of(response)
        rejected = all(isinstance(one, RejectedPositiveData) for one in group.exceptions)
        if rule is None or not rejected:
            raise
        tally.excused[rule] += 1


def rule_of(response: Response) -> str | None:
    """Return the rule that an answer names as its one reason, if there is such a rule."""
    if response.status_code == 422:
        return "unsupported" if response.json()["code"] == "unsupported" else None
    if response.status_code != 400:
        return None
    found = [(e["field"], e["message"]) for e in response.json().get("errors", ())]
    stated = [one for one in found if one in RULES or one[0] in TOLD_APART]
    return ": ".join(found[0]) if found and stated == found else None


def aimed(case: Case, world: ApiWorld, *, at_real_things: bool) -> Case:
    """Let a case meet things that are there, wherever it keeps to its schema."""
    if not at_real_things or not _fits(case, ParameterLocation.PATH):
        return case
    aim(case.path_parameters or {}, world.things)
    if _fits(case, ParameterLocation.QUERY):
        (case.query or {}).pop("cursor", None)
        aim(case.query or {}, world.things)
    if _fits(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        aim(case.body, world.things)
    return case


def _fits(case: Case, location: ParameterLocation) -> bool:
    return case.meta is None or not case.meta.is_negative_at(location)


def fuzz(operation: Operation, world: ApiWorld, tally: Tally, cases: int, number: int) -> None:
    """Send generated cases to one operation, half of them within its schema, half outside."""
    for mode in GenerationMode:
        strategy = operation.as_strategy(generation_mode=mode)

        @seed(number)
        @settings(
            max_examples=max(1, cases // 2),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy, at_real_things=st.booleans())
        def one(case: Case, *, at_real_things: bool) -> None:
            send(aimed(case, world, at_real_things=at_real_things), world, tally)

        # A schema that takes everything has nothing outside of it.
        with suppress(Unsatisfiable):
            one()
