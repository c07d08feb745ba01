"""The fields and bases that all bodies and queries share, bounded in every value."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SecretStr,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Ids carry their time of making since the epoch, so no filter can ask for an earlier one."""

ONE_LINE: Final = r"^[^\x00-\x1f\x7f]+$"
LINES: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

OneLine = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]
Lines = Annotated[str, Field(max_length=2000, pattern=LINES)]
RecordId = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,64}$")]
TagName = Annotated[str, Field(min_length=1, max_length=64, pattern=ONE_LINE)]
TagValue = Annotated[str, Field(max_length=256, pattern=LINES)]
# Of a key, pydantic writes the pattern into the schema, not its length, nor that no other goes.
TAG_NAMES: Final = {"additionalProperties": False, "propertyNames": {"maxLength": 64}}
TagMap = Annotated[dict[TagName, TagValue], Field(max_length=32, json_schema_extra={**TAG_NAMES})]
Password = Annotated[
    SecretStr, Field(max_length=1024, json_schema_extra={"pattern": r"^[^\x00\r\n]*$"})
]
Url = Annotated[SecretStr, Field(min_length=1, max_length=4096)]


def _printed(value: SecretStr) -> SecretStr:
    if re.fullmatch(PRINTED, value.get_secret_value()) is None:
        raise ValueError("should have printed ASCII characters only, without blanks")
    return value


PRINTED: Final = "[!-~]+"
PlatformKey = Annotated[
    SecretStr,
    Field(min_length=1, max_length=4096, json_schema_extra={"pattern": f"^{PRINTED}$"}),
    AfterValidator(_printed),
]
"""A token or key for somebody else's interface, as a header can carry it."""


def _iso_text(value: object) -> object:
    # pydantic also reads numbers as seconds or milliseconds since the epoch, by their size
    if not isinstance(value, str) or value[4:5] != "-":
        raise ValueError("should be a date and time with offset, as 2026-01-31T12:00:00Z")
    return value


def _since_epoch(value: datetime) -> datetime:
    if value < EPOCH:
        raise ValueError("should not be before 1970")
    return value


def seconds_of(span: timedelta) -> int:
    """Return a span in whole seconds, as bodies count it."""
    return int(span.total_seconds())


# Not strict, because behind a validator of ours a text no longer counts as JSON's form of a time.
Instant = Annotated[
    AwareDatetime,
    Field(strict=False),
    BeforeValidator(_iso_text),
    AfterValidator(_since_epoch),
]


class Body(BaseModel):
    """Be a JSON body: no unknown fields, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class QueryString(BaseModel):
    """Be a query: no unknown parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Patch(Body):
    """Be a body of changes: a field left out stays as it is, null takes away what may be missing.

    What may is `NULLABLE`; of anything else null is refused, for it would say nothing.
    """

    NULLABLE: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _changes(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        if wrong := sorted(self.cleared - self.NULLABLE):
            raise ValueError(f"{wrong[0]} cannot be null: leave it out, and it stays as it is")
        return self

    @property
    def cleared(self) -> frozenset[str]:
        """The names of the fields that are taken away."""
        return frozenset(name for name in self.model_fields_set if getattr(self, name) is None)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say where null may stand, which pydantic assumes of every field that may be left out."""
        reference = handler(core)
        schema = handler.resolve_ref_schema(reference)
        schema["minProperties"] = 1
        for name, field in schema["properties"].items():
            described = field if name in cls.NULLABLE else without_null(field)
            note = {"description": "Null takes it away."} if name in cls.NULLABLE else {}
            kept = {key: value for key, value in described.items() if key != "default"}
            schema["properties"][name] = note | kept
        return reference


class Nothing(Body):
    """Be the body of requests that need none."""


class PageQuery(QueryString):
    """Ask for one page of a list, newest first."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(min_length=1, max_length=512)] | None = None


def without_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Return the schema of a field that is left out where it has nothing to say."""
    kept = {name: value for name, value in schema.items() if value is not None}
    variants = [one for one in kept.pop("anyOf", []) if one != {"type": "null"}]
    return kept | (variants[0] if variants else {})
