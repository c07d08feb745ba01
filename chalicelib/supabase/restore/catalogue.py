"""Read `catalogue.jsonl`: what of a project stands in no archive, as values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.domain.errors import IntegrityFailed

# extensions that choose their schema themselves, and refuse to be told one
OWN_SCHEMA: Final = frozenset({"pg_tle", "pgmq", "pgsodium", "plpgsql"})


@dataclass(frozen=True)
class Statement:
    """Hold a statement, and what it makes as people read it."""

    what: str
    sql: str


@dataclass(frozen=True)
class Extension:
    """Describe an extension of the source."""

    name: str
    schema: str
    version: str


@dataclass(frozen=True)
class CronJob:
    """Describe a job of the source."""

    name: str | None
    schedule: str
    command: str


@dataclass(frozen=True)
class Catalogue:
    """Hold what the source's catalogue said inside the dump's snapshot.

    `secured` are the tables with row security, `migrations` the rows of the user's own history.
    """

    extensions: tuple[Extension, ...] = ()
    triggers: tuple[Statement, ...] = ()
    policies: tuple[Statement, ...] = ()
    jobs: tuple[CronJob, ...] = ()
    migrations: tuple[dict[str, Any], ...] = ()
    vault_secrets: tuple[str, ...] = ()
    secured: tuple[tuple[str, str], ...] = ()
    large_objects: int = 0


def read_catalogue(lines: Iterable[str]) -> Catalogue:
    """Return what the lines say; IntegrityFailed for one that cannot be read."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        item = parsed(line, "catalogue.jsonl")
        found.setdefault(str(item.get("kind")), []).append(item)
    try:
        return _catalogue(found)
    except (KeyError, TypeError) as error:
        raise IntegrityFailed("a line of catalogue.jsonl lacks what its kind must say") from error


def parsed(line: str, artefact: str) -> dict[str, Any]:
    """Return the object that one line holds; IntegrityFailed when it is none."""
    try:
        item = json.loads(line)
    except ValueError as error:
        raise IntegrityFailed(f"a line of {artefact} is no JSON") from error
    if not isinstance(item, dict):
        raise IntegrityFailed(f"a line of {artefact} is no object")
    return item


def _catalogue(found: dict[str, list[dict[str, Any]]]) -> Catalogue:
    def of(kind: str) -> Iterator[dict[str, Any]]:
        return iter(found.get(kind, []))

    return Catalogue(
        extensions=tuple(
            Extension(one["name"], one["schema"], one["version"]) for one in of("extension")
        ),
        triggers=tuple(map(_statement, of("trigger"))),
        policies=tuple(map(_statement, of("policy"))),
        jobs=tuple(CronJob(one["name"], one["schedule"], one["command"]) for one in of("cron_job")),
        migrations=tuple(one["row"] for one in of("migration")),
        vault_secrets=tuple(one["name"] or "without a name" for one in of("vault_secret")),
        secured=tuple((one["schema"], one["table"]) for one in of("rls_table")),
        large_objects=sum(one["count"] for one in of("large_objects")),
    )


def _statement(item: dict[str, Any]) -> Statement:
    what = f"{item['kind']} {item['name']} on {item['schema']}.{item['table']}"
    return Statement(what, item["definition"])
