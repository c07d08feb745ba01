"""The fields and bases that all bodies and queries share, bounded in every value."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
)

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


B = TypeVar("B", bound=Body)


class QueryString(BaseModel):
    """Be a query: no unknown parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Body):
    """Be the body of requests that need none."""


class PageQuery(QueryString):
    """Ask for one page of a list, newest first."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(min_length=1, max_length=512)] | None = None


def changes_something(body: B) -> B:
    """Return a body of changes as it is; ValueError when it changes nothing."""
    if all(getattr(body, name) is None for name in type(body).model_fields):
        raise ValueError("name at least one field to change")
    return body
