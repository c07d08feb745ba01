"""What callers may send about schedules."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from chalicelib.api.requests.backups import OptionFields
from chalicelib.api.requests.fields import (
    Body,
    OneLine,
    PageQuery,
    Patch,
    QueryString,
    RecordId,
    TagMap,
    TagName,
    TagValue,
)
from chalicelib.domain.retention.policy import RetentionPolicy
from chalicelib.domain.schedule import MAX_JITTER_S, Overlap, ProjectTag
from chalicelib.domain.timetable import MAX_CRON_LETTERS, MAX_PREVIEW
from chalicelib.domain.whole_number import WHOLE

Cron = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_CRON_LETTERS,
        description="Five fields of cron, or `hourly`, `daily`, `weekly`, `monthly`.",
        examples=["0 3 * * *", "daily"],
    ),
]
Zone = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description="A time zone of the IANA database.",
        examples=["Europe/Berlin"],
    ),
]
Jitter = Annotated[
    int,
    Field(
        ge=0,
        le=MAX_JITTER_S,
        description="Runs start up to so many seconds later, each always by the same.",
    ),
    WHOLE,
]
_TARGETS: Final[list[JsonValue]] = [
    {"required": ["project_id"], "properties": {"project_id": {"type": "string"}}},
    {"required": ["project_tag"], "properties": {"project_tag": {"type": "object"}}},
]


class ProjectTagFields(Body):
    """Name all projects that carry this tag when a run is due."""

    name: TagName
    value: TagValue

    @property
    def tag(self) -> ProjectTag:
        """The tag as the domain knows it."""
        return ProjectTag(name=self.name, value=self.value)


class ScheduleFields(Body):
    """Say what a schedule runs, and how; all of it may be left out."""

    options: OptionFields | None = None
    tags: TagMap | None = None
    jitter_s: Jitter | None = None
    enabled: bool | None = None
    overlap: Overlap | None = None
    retention: RetentionPolicy | None = None


class ScheduleCreate(ScheduleFields):
    """Describe a new schedule, for one project or for all with a tag."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": _TARGETS,
            "examples": [
                {
                    "name": "nightly",
                    "project_id": "01JD0000000000000000000000",
                    "cron": "30 2 * * *",
                    "timezone": "Europe/Berlin",
                    "options": {"compression": "zstd", "verification": "proof"},
                },
                {"name": "all", "project_tag": {"name": "env", "value": "prod"}, "cron": "daily"},
            ],
        }
    )

    name: OneLine
    project_id: RecordId | None = None
    project_tag: ProjectTagFields | None = None
    cron: Cron
    timezone: Zone = "UTC"

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.project_id is None) == (self.project_tag is None):
            raise ValueError("give either project_id or project_tag")
        return self


class SchedulePatch(Patch, ScheduleFields):
    """Change a schedule; a field left out stays as it is, `options` is replaced as a whole.

    Without rules of its own, `retention` null, those of its project hold again.
    """

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"retention"})

    name: OneLine | None = None
    cron: Cron | None = None
    timezone: Zone | None = None


class ScheduleQuery(PageQuery):
    """Ask for schedules."""

    project: RecordId | None = None


class PreviewQuery(QueryString):
    """Ask for the next runs of a cron expression."""

    cron: Cron
    timezone: Zone = "UTC"
    n: Annotated[int, Field(ge=1, le=MAX_PREVIEW)] = 5
