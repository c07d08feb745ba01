"""Every kind of record comes back from a catalog as it went in, whatever its texts hold."""

from __future__ import annotations

import importlib
import pkgutil
import types
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from annotated_types import Ge, Le, MaxLen, MinLen
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ValidationError
from pydantic.fields import FieldInfo

import chalicelib.domain
from chalicelib.domain.record import Put, Query, Record
from chalicelib.ports import Catalog

TEXT = st.text(max_size=20) | st.sampled_from(["'; DROP TABLE records; --", "\x00", "😀", "null"])
MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    AwareDatetime: MOMENTS,
    Any: JSON,
    type(None): st.none(),
}


def all_records() -> list[type[Record]]:
    for module in pkgutil.iter_modules(chalicelib.domain.__path__):
        importlib.import_module(f"chalicelib.domain.{module.name}")
    return sorted(Record.__subclasses__(), key=lambda record: record.__name__)


def limits(metadata: list[Any]) -> dict[type, int]:
    """Return the bounds of an annotation: by the class of the bound, its number."""
    flat = [bound for m in metadata for bound in (m.metadata if isinstance(m, FieldInfo) else [m])]
    names = {MinLen: "min_length", MaxLen: "max_length", Ge: "ge", Le: "le"}
    return {type(b): getattr(b, names[type(b)]) for b in flat if type(b) in names}


def values(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for a field's type, as far as the domain's types go."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return values(inner, [*more, *metadata])
    if annotation in SCALARS:
        return SCALARS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return models(annotation)
    if annotation in {int, str}:
        return bounded(annotation, metadata)
    return containers(annotation, limits(metadata))


def bounded(annotation: type, metadata: list[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for numbers and texts within their bounds."""
    bounds = limits(metadata)
    if annotation is int:
        return st.integers(bounds.get(Ge, -(2**53)), bounds.get(Le, 2**53))
    short = st.text(min_size=bounds.get(MinLen, 0), max_size=min(bounds.get(MaxLen, 20), 20))
    return short.filter(lambda text: "\x00" not in text) if metadata else short | TEXT


def containers(annotation: Any, bounds: dict[type, int]) -> st.SearchStrategy[Any]:
    """Return a strategy for unions, tuples and dictionaries."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, types.UnionType}:
        return st.one_of([values(argument, []) for argument in arguments])
    if origin is tuple:
        return st.lists(values(arguments[0], []), max_size=3).map(tuple)
    assert origin is dict, f"teach this test the type {annotation}"
    keys, items = (values(argument, []) for argument in arguments)
    return st.dictionaries(keys, items, max_size=min(bounds.get(MaxLen, 3), 3))


def models(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Return a strategy for a model: all fields, or only the required ones."""
    fields = {
        name: values(field.annotation, field.metadata) for name, field in model.model_fields.items()
    }
    required = {n: s for n, s in fields.items() if model.model_fields[n].is_required()}
    optional = {n: s for n, s in fields.items() if n not in required and n != "revision"}
    return st.fixed_dictionaries(required, optional=optional).map(lambda given: made(model, given))


def made(model: type[BaseModel], given: dict[str, Any]) -> BaseModel:
    """Return the model; fields that exclude each other are drawn again."""
    try:
        return model(**given)
    except ValidationError:
        reject()


@pytest.mark.parametrize("kind", all_records(), ids=lambda kind: kind.__name__)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_record_comes_back_as_it_went_in(
    catalog: Catalog, kind: type[Record], data: st.DataObject
) -> None:
    record = data.draw(models(kind))

    catalog.commit([Put(record)])

    stored = catalog.get(kind, record.id)
    assert stored.model_copy(update={"revision": 0}) == record
    assert stored.revision >= 1


@pytest.mark.parametrize("kind", all_records(), ids=lambda kind: kind.__name__)
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_record_is_listed_by_each_index_that_it_has_a_value_of(
    catalog: Catalog, kind: type[Record], data: st.DataObject
) -> None:
    record = data.draw(models(kind))
    catalog.commit([Put(record)])

    for field in kind.indexes:
        value = getattr(record, field)
        page = catalog.find(Query(kind, (field, str(value)), limit=500))
        assert (record.id in {found.id for found in page.items}) == (value is not None)
