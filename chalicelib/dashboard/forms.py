"""Forms into models: what was typed is kept, and every mistake stands beside its field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qs

from pydantic import BaseModel, SecretStr, ValidationError

from chalicelib.api.parsing import sentence
from chalicelib.domain.errors import HoldfastError, InvalidRequest

MAX_FIELDS: Final = 200
SECRETS: Final = frozenset({"password", "url", "key", "access_token", "storage_key"})
"""Never sent back to a browser, not even to the one that typed them."""
LISTS: Final = frozenset({"pick", "components"})
"""Fields that a browser sends once for each box that is ticked; read as lines."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Typed:
    """Hold what a form shows: the values as typed, and what is wrong with which."""

    values: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    def value(self, name: str, default: str = "") -> str:
        """Return what stood in a field, or what it begins with."""
        return "" if name in SECRETS else self.values.get(name, default)


class Unfit(Exception):
    """Say that a form cannot be taken as it is; its page is shown again."""

    def __init__(self, typed: Typed) -> None:
        """Keep what to show."""
        super().__init__(typed.problem or "the form cannot be taken")
        self.typed = typed


@dataclass(frozen=True)
class Form(Generic[M]):
    """Give a form that was read: the model, and how to send it back with a mistake."""

    model: M
    values: Mapping[str, str]

    def refused(self, error: HoldfastError) -> Unfit:
        """Return the form with an error beside its field, or above all when it names none."""
        name = error.fields.get("field")
        text = f"{error.message}. {error.hint}"
        if name not in self.values and name not in type(self.model).model_fields:
            return Unfit(Typed(self.values, {}, text))
        # the usual hint tells programs to name the field, which the page does already
        is_usual = error.hint == error.default_hint
        return Unfit(Typed(self.values, {str(name): error.message if is_usual else text}))


def read_fields(body: bytes | str) -> dict[str, str]:
    """Read an urlencoded body; of a field given twice the last counts, of LISTS all."""
    try:
        found = parse_qs(
            body.decode("utf-8") if isinstance(body, bytes) else body,
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise InvalidRequest("the form cannot be read") from error
    return {
        name: "\n".join(values) if name in LISTS else values[-1] for name, values in found.items()
    }


def read_form(model: type[M], fields: Mapping[str, str]) -> Form[M]:
    """Check a form; Unfit says what is wrong. An empty field is one that was left out."""
    # browsers send every field of a form, also those that nobody filled in
    given: dict[str, Any] = {name: text for name, text in fields.items() if text.strip()}
    given.pop("csrf", None)
    try:
        return Form(model.model_validate(given), fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        problems = {
            ".".join(str(part) for part in one["loc"]): sentence(one["msg"]) for one in found
        }
        # what is wrong with a field that the page does not have would otherwise be said nowhere
        lost = "; ".join(text for name, text in problems.items() if name not in fields)
        raise Unfit(Typed(fields, problems, lost or None)) from error


def secret(value: SecretStr | None) -> str:
    """Return a secret of a form, or nothing."""
    return value.get_secret_value() if value is not None else ""
