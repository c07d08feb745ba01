"""A whole Supabase project from end to end: back up, prove, restore into another, look at both.

Both projects are stand-ins on this machine, see `local.supabase`. What is compared is not what the
backup says it holds but what users see: whom they find, what a policy lets them do, which bytes a
file has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from chalicelib.domain.errors import Internal
from chalicelib.local.demo_inside import Caller
from chalicelib.local.demo_place import own_settings, programs, work_folder
from chalicelib.local.supabase.looks import looks
from chalicelib.local.supabase.stand_in import StandInOptions, SupabaseStandIn
from chalicelib.local.up import Place, first_key, running_service
from chalicelib.settings import Settings

SOURCE_REF: Final = "holdfastdemosourceaa"
TARGET_REF: Final = "holdfastdemotargetaa"
USERS: Final = 100
FILES: Final = 40
TIMEOUT_S: Final = 60.0


@dataclass(frozen=True)
class SupabaseDemoRequest:
    """Say what to show; the data folder stays when it is to be kept."""

    settings: Settings
    environment: Mapping[str, str] = field(repr=False)
    data: Path | None = None
    keep: bool = False
    users: int = USERS
    files: int = FILES


@dataclass(frozen=True)
class Look:
    """Hold what was seen of one thing in both projects; None: it is not there."""

    what: str
    source: str | None
    restored: str | None

    @property
    def equal(self) -> bool:
        """Whether both look alike."""
        return self.source == self.restored


@dataclass(frozen=True)
class SupabaseDemoReport:
    """Say what was shown: what was seen, how long steps took, what is left to do by hand."""

    looks: tuple[Look, ...]
    seconds: Mapping[str, float]
    backup: Mapping[str, Any]
    by_hand: tuple[str, ...]
    kept: Path | None

    @property
    def equal(self) -> bool:
        """Whether everything that was looked at is equal, and something was."""
        return bool(self.looks) and all(look.equal for look in self.looks)

    def to_json(self) -> dict[str, object]:
        """Return the report as `--json` prints it; field names are stable."""
        return {
            "equal": self.equal,
            "compared": len(self.looks),
            "different": [look.what for look in self.looks if not look.equal],
            "backup": self.backup["id"],
            "components": self.backup["components"],
            "bytes": self.backup["stored_bytes"],
            "verification": self.backup["verification"]["level"],
            "by_hand": list(self.by_hand),
            "seconds": {step: round(value, 3) for step, value in self.seconds.items()},
            "kept": str(self.kept) if self.kept else None,
        }


class SupabaseDemo:
    """Run the demo once."""

    def __init__(
        self,
        request: SupabaseDemoRequest,
        say: Callable[[str], object],
        check: Callable[[], None],
    ) -> None:
        """Keep the request; `say` gets sentences, `check` may raise to stop."""
        self._request = request
        self._say = say
        self._check = check
        self._seconds: dict[str, float] = {}

    def run(self) -> SupabaseDemoReport:
        """Do everything and clear everything away, whatever happens."""
        with ExitStack() as stack:
            request = self._request
            folder = stack.enter_context(work_folder(request.data, keep=request.keep))
            source = stack.enter_context(self._stand_in(SOURCE_REF))
            with self._timed("seed"):
                source.seed(request.users, request.files)
            self._say(f"it has {request.users} users, {request.files} files, functions, policies")
            target = stack.enter_context(self._stand_in(TARGET_REF))
            settings = own_settings(request.settings, folder / "data")
            caller = stack.enter_context(
                service_in(settings, request.environment, self._say, self._check)
            )
            backup = self._backed_up(caller, source)
            restore = self._restored(caller, backup, target)
            with self._timed("look"):
                seen = _compared(looks(source), looks(target))
        return SupabaseDemoReport(
            seen, self._seconds, backup, _by_hand(restore), folder if request.keep else None
        )

    @contextmanager
    def _stand_in(self, ref: str) -> Iterator[SupabaseStandIn]:
        with SupabaseStandIn(programs(), StandInOptions(ref=ref)) as project:
            self._say(f"project {ref}: a stand-in on PostgreSQL {project.server.version}")
            yield project

    def _backed_up(self, caller: Caller, source: SupabaseStandIn) -> dict[str, Any]:
        asked = {"project_id": registered(caller, source), "verification": "proof"}
        with self._timed("backup"):
            begun = caller.answer(caller.http.post("/v1/backups", json=asked))
            backup = _completed(caller.ended(f"/v1/backups/{begun['id']}"), "backup")
        self._say(f"backup {backup['id']} holds {', '.join(backup['components'])}:")
        for artefact in backup["artefacts"]:
            self._say(f"  {artefact['name']}, {artefact['stored_bytes']} bytes")
        verification = backup["verification"]
        self._say(f"verification {verification['level']}: {verification['report']}")
        for reason in verification["reasons"]:
            self._say(f"  not proven: {reason}")
        return backup

    def _restored(
        self, caller: Caller, backup: dict[str, Any], target: SupabaseStandIn
    ) -> dict[str, Any]:
        body = {"backup_id": backup["id"], "target": {"project_id": registered(caller, target)}}
        with self._timed("restore"):
            begun = caller.answer(caller.http.post("/v1/restores", json=body))
            restore = _completed(caller.ended(f"/v1/restores/{begun['id']}"), "restore")
        self._say(f"restored into project {target.ref} in {self._seconds['restore']:.1f} s")
        return restore

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self._seconds[step] = time.monotonic() - begun


@contextmanager
def service_in(
    settings: Settings,
    environment: Mapping[str, str],
    say: Callable[[str], object],
    check: Callable[[], None] = lambda: None,
) -> Iterator[Caller]:
    """Run the whole service over a data folder, and be its caller with the first key."""
    # any free port: a service of the user's own may have the usual one
    with running_service(Place(settings, environment, port=0), say) as service:
        headers = {"Authorization": f"Bearer {first_key(service.services)}"}
        say(f"the service answers at {service.url}")
        with httpx.Client(base_url=service.url, headers=headers, timeout=TIMEOUT_S) as http:
            yield Caller(http, service, check)


def registered(caller: Caller, stand_in: SupabaseStandIn) -> str:
    """Make a project of ours for a stand-in, and return its id."""
    body = {
        "kind": "supabase",
        "name": stand_in.ref,
        "ref": stand_in.ref,
        "api_url": stand_in.api_url,
        "password": stand_in.connection.password,
        "access_token": stand_in.access_token,
        "storage_key": stand_in.service_key,
    }
    project_id: str = caller.answer(caller.http.post("/v1/projects", json=body))["id"]
    return project_id


def _completed(record: dict[str, Any], what: str) -> dict[str, Any]:
    if record["status"] != "completed":
        error = record["error"]
        raise Internal(f"the {what} is {record['status']}: {error['message']}", hint=error["hint"])
    return record


def _compared(source: Mapping[str, str], restored: Mapping[str, str]) -> tuple[Look, ...]:
    names = dict.fromkeys([*source, *restored])
    return tuple(Look(name, source.get(name), restored.get(name)) for name in names)


def _by_hand(restore: dict[str, Any]) -> tuple[str, ...]:
    """Return what the restore leaves to people."""
    notes = restore["report"].get("by_hand", ())
    return tuple(f"{note['what']}: {note['message']}" for note in notes)
