"""What callers may send about restores."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from chalicelib.api.requests.fields import Body, PageQuery, RecordId
from chalicelib.api.requests.projects import ConnectionFields
from chalicelib.domain.backup import Component, Status
from chalicelib.domain.restore import (
    MAX_JOBS,
    ObjectName,
    RestoreOptions,
    SchemaName,
    options_of,
    require_one_part,
)
from chalicelib.domain.whole_number import WHOLE


class RestoreTargetFields(ConnectionFields):
    """Say where to restore to: a project's database, or any other by URL or fields."""

    project_id: RecordId | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        somewhere = self.url is not None or self.host is not None
        named = somewhere or bool(self.connection_fields)
        if (self.project_id is not None) == named or named is not somewhere:
            raise ValueError("give either project_id, or url, or host and the like")
        return self


class RestoreRequest(Body):
    """Ask for a restore, or for its preflight.

    Tables are written as PostgreSQL prints them: `public.orders`, `"odd.schema"."Name"`. `clean`
    drops what the backup brings before it restores; it needs `confirmation`, which names the
    target as `host/database`. `components` say what a Supabase project gets; without them it is all
    that the backup holds.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "backup_id": "01JD0000000000000000000000",
                    "target": {"project_id": "01JD0000000000000000000001"},
                    "tables": ["public.orders"],
                }
            ]
        }
    )

    backup_id: RecordId
    target: RestoreTargetFields
    schemas: Annotated[tuple[SchemaName, ...], Field(max_length=100)] = ()
    tables: Annotated[tuple[ObjectName, ...], Field(max_length=100)] = ()
    schema_only: bool = False
    data_only: bool = False
    clean: bool = False
    confirmation: Annotated[str, Field(min_length=1, max_length=600)] | None = None
    no_owner: bool = False
    jobs: Annotated[int, Field(ge=1, le=MAX_JOBS), WHOLE] = 1
    components: Annotated[tuple[Component, ...], Field(min_length=1, max_length=6)] | None = None

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        require_one_part(schema_only=self.schema_only, data_only=self.data_only)
        return self

    @property
    def options(self) -> RestoreOptions:
        """The options as the domain knows them."""
        return options_of({name: getattr(self, name) for name in type(self).model_fields})


class RestoreQuery(PageQuery):
    """Ask for restores."""

    project: RecordId | None = None
    backup: RecordId | None = None
    status: Status | None = None
