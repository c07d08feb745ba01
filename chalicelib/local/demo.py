"""The main job from end to end on real rows: back up, download, restore, compare.

Nothing is taken for granted on the way: the backup is asked for over HTTP with a key, downloaded
through a link, hashed again, restored by stock pg_restore into a second database, and that is
compared with the source row by row.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, LiteralString

import httpx

from chalicelib.domain.backup import VerificationLevel
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import IntegrityFailed, Internal
from chalicelib.domain.progress import Progress
from chalicelib.engine.connection import Session, SessionOptions, open_session, translated
from chalicelib.engine.environment import child_environment, password_file
from chalicelib.engine.process import Child, Start
from chalicelib.local.comparison import Contents, Difference, compare, contents
from chalicelib.local.demo_inside import Caller, fields_of, largest_table, tree
from chalicelib.local.demo_place import own_settings, programs, work_folder
from chalicelib.local.demo_report import DemoReport
from chalicelib.local.postgres import LocalPostgres, LocalSettings
from chalicelib.local.sample_data import load
from chalicelib.local.up import Place, RunningService, first_key, running_service
from chalicelib.settings import Settings

SOURCE: Final = "shop"
RESTORED: Final = "shop_restored"
ALONE: Final = "shop_one_table"
SAMPLE_TABLE: Final = "shop.orders"
TIMEOUT_S: Final = 60.0
LOOK_EVERY_S: Final = 0.3
SESSION: Final = SessionOptions(application_name="holdfast demo", lock_timeout_s=60.0)
ENDED: Final = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True)
class DemoRequest:
    """Say what to show; `source` None makes a sample database of `rows_mb` megabytes."""

    settings: Settings
    environment: Mapping[str, str] = field(repr=False)
    source: Connection | None
    rows_mb: int
    data: Path | None
    keep: bool


class Demo:
    """Run the demo once."""

    def __init__(
        self,
        request: DemoRequest,
        say: Callable[[str], object],
        show: Callable[[Progress], object],
        check: Callable[[], None],
    ) -> None:
        """Keep the request; `say` gets sentences, `show` progress, `check` may raise to stop."""
        self._request = request
        self._say = say
        self._show = show
        self._check = check
        self._seconds: dict[str, float] = {}
        self._alone: tuple[Difference, ...] = ()

    def run(self) -> DemoReport:
        """Do everything and clear everything away, whatever happens."""
        with ExitStack() as stack:
            folder = stack.enter_context(work_folder(self._request.data, keep=self._request.keep))
            # not durable: a crash of this machine ends the demo anyhow
            server = stack.enter_context(LocalPostgres(programs(), LocalSettings(durable=False)))
            self._say(f"a PostgreSQL {server.version} of our own runs on port {server.port}")
            source = self._source(server)
            backup, dump = self._backed_up(source, server, folder)
            target = self._restored(server, dump, folder)
            differences = self._compared(source, target) + self._alone
        kept = folder if self._request.keep else None
        return DemoReport(
            differences=differences,
            seconds=self._seconds,
            stored_bytes=backup["stored_bytes"],
            raw_bytes=backup["raw_bytes"],
            sha256=backup["checksum"]["value"],
            kept=kept,
        )

    def _source(self, server: LocalPostgres) -> Connection:
        if self._request.source is not None:
            self._say("the source is DATABASE_URL, which is only read")
            return self._request.source
        with self._timed("load"), own_session(server.connection()) as session:
            session.execute(f"CREATE DATABASE {SOURCE}")
            with own_session(server.connection(SOURCE)) as rows:
                load(rows, self._request.rows_mb, check=self._check)
        self._say(
            f"loaded about {self._request.rows_mb} MB of rows ({self._seconds['load']:.1f} s)"
        )
        self._check()
        return server.connection(SOURCE)

    def _backed_up(
        self, source: Connection, server: LocalPostgres, folder: Path
    ) -> tuple[dict[str, Any], Path]:
        settings = own_settings(self._request.settings, folder / "data")
        # any free port: a service of the user's own may have the usual one
        place = Place(settings, self._request.environment, port=0)
        with running_service(place, self._say) as service:
            token = first_key(service.services)
            self._say(f"the service answers at {service.url}")
            headers = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=service.url, headers=headers, timeout=TIMEOUT_S) as http:
                backup = self._backup(http, service, source)
                caller = Caller(http, service, self._check)
                self._alone = self._one_table(caller, backup["id"], source, server)
                dump = self._downloaded(http, backup, folder)
        return backup, dump

    def _backup(
        self, http: httpx.Client, service: RunningService, source: Connection
    ) -> dict[str, Any]:
        project = _answer(http.post("/v1/projects", json=_project(source)))
        with self._timed("backup"):
            asked = {
                "project_id": project["id"],
                "description": "made by holdfast demo",
                "verification": "proof",
            }
            backup = _answer(http.post("/v1/backups", json=asked))
            service.supervisor.run_until(lambda: self._has_ended(http, backup))
        if backup["status"] != "completed":
            error = backup["error"]
            raise Internal(
                f"the backup is {backup['status']}: {error['message']}", hint=error["hint"]
            )
        self._say(f"backup {backup['id']} completed in {self._seconds['backup']:.1f} s")
        self._say(_proof(backup["verification"]))
        return backup

    def _has_ended(self, http: httpx.Client, backup: dict[str, Any]) -> bool:
        self._check()
        backup.update(_answer(http.get(f"/v1/backups/{backup['id']}")))
        if backup.get("progress"):
            shown = {k: v for k, v in backup["progress"].items() if k != "fraction"}
            self._show(Progress.model_validate({"id": backup["id"], **shown}))
        return backup["status"] in ENDED

    def _one_table(
        self, caller: Caller, backup_id: str, source: Connection, server: LocalPostgres
    ) -> tuple[Difference, ...]:
        """Show the contents, restore one table into a database of its own, compare that."""
        with self._timed("look"):
            found = caller.contents(backup_id)
        for line in tree(found):
            self._say(line)
        foreign = self._request.source is not None
        table = largest_table(found) if foreign else SAMPLE_TABLE
        if table is None:
            return ()
        create(server, ALONE)
        with self._timed("one table"):
            restore = caller.restored(backup_id, table, server.connection(ALONE))
        if restore["status"] != "completed":
            told = f"{table} was not restored alone: {restore['error']['message']}"
            if not foreign:
                raise Internal(told, hint=restore["error"]["hint"])
            # what it needs besides, such as types and extensions, is not brought along
            self._say(told)
            return ()
        difference = self._compared_alone(table, source, server.connection(ALONE))
        verdict = "equal" if difference.equal else "DIFFERENT"
        self._say(f"restored {table} alone into {ALONE}: {verdict}")
        return (difference,)

    def _compared_alone(self, table: str, source: Connection, target: Connection) -> Difference:
        restored = self._contents(target).tables
        name, facts = next(iter(restored.items()), (table, None))
        whole = self._contents(source).tables.get(name)
        return Difference(f"{name}, restored alone", whole, facts)

    def _downloaded(self, http: httpx.Client, backup: dict[str, Any], folder: Path) -> Path:
        link = _answer(http.post(f"/v1/backups/{backup['id']}/links", json={}))
        target = folder / "downloaded.dump"
        with self._timed("download"):
            digest = _fetch(link["url"], target, self._check)
        if digest != backup["checksum"]["value"]:
            raise IntegrityFailed("what was downloaded is not what the backup recorded")
        self._say(f"downloaded {target.stat().st_size} bytes through a link, SHA-256 as recorded")
        return target

    def _restored(self, server: LocalPostgres, dump: Path, folder: Path) -> Connection:
        self._check()
        create(server, RESTORED)
        target = server.connection(RESTORED)
        with self._timed("restore"):
            said = self._pg_restore(server, target, dump, folder)
        self._say(f"restored by pg_restore {server.version} ({self._seconds['restore']:.1f} s)")
        if said:
            self._say(f"pg_restore says: {said}")
        return target

    def _pg_restore(
        self, server: LocalPostgres, target: Connection, dump: Path, folder: Path
    ) -> str:
        """Restore, and return the last thing the client complained of, if it may complain."""
        foreign = self._request.source is not None
        with (
            password_file(target.password, folder) as secret,
            (folder / "restore.log").open("w+b") as log,
            Child(_restore_start(server, target, (secret, dump, log), foreign=foreign)) as child,
        ):
            while not child.wait(LOOK_EVERY_S):
                self._check()
            failed = child.close() != 0
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines()
        if failed and not foreign:
            raise Internal(f"pg_restore failed: {lines[-1][:200] if lines else 'without a word'}")
        return lines[-1][:200] if lines else ""

    def _compared(self, source: Connection, target: Connection) -> tuple[Difference, ...]:
        self._check()
        with self._timed("compare"):
            return compare(self._contents(source), self._contents(target))

    def _contents(self, connection: Connection) -> Contents:
        with own_session(connection) as session, translated(connection, started=True):
            return contents(session, self._check)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self._seconds[step] = time.monotonic() - begun


def create(server: LocalPostgres, database: LiteralString) -> None:
    """Make an empty database."""
    with own_session(server.connection()) as session:
        # template0, as pg_restore's manual asks: template1 may hold things of its own
        session.execute(f"CREATE DATABASE {database} TEMPLATE template0")


def _restore_start(
    server: LocalPostgres,
    target: Connection,
    files: tuple[Path, Path, IO[bytes]],
    *,
    foreign: bool,
) -> Start:
    # Roles and extensions of somebody else's server need not exist on ours; what was left out for
    # lack of them is what the comparison then tells.
    secret, dump, log = files
    leniency = ["--no-owner", "--no-privileges"] if foreign else ["--exit-on-error"]
    return Start(
        [server.bin_dir / "pg_restore", f"--dbname={RESTORED}", *leniency, dump],
        child_environment(target, SESSION, secret),
        stdout=log,
        stderr=log,
    )


@contextmanager
def own_session(connection: Connection) -> Iterator[Session]:
    """Open a session of the demo's own, for as long as it is needed."""
    with closing(open_session(connection, SESSION)) as session:
        yield session


def _proof(verification: dict[str, Any]) -> str:
    """Say what came of the proof: of a source of the user's own it may not be possible here."""
    if verification["level"] == VerificationLevel.PROOF:
        return f"proof: equal ({verification['report']})"
    return f"proof: not made, {'; '.join(verification['reasons'])}"


def _project(source: Connection) -> dict[str, object]:
    return {**fields_of(source), "tags": {"made-by": "demo"}}


def _answer(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        raise Internal(f"the service answered with status {response.status_code}")
    answer: dict[str, Any] = response.json()
    return answer


def _fetch(url: str, target: Path, check: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with (
        httpx.stream("GET", url, follow_redirects=True, timeout=TIMEOUT_S) as response,
        target.open("wb") as file,
    ):
        if response.is_error:
            raise Internal(f"the download answered with status {response.status_code}")
        for chunk in response.iter_raw():
            digest.update(chunk)
            file.write(chunk)
            check()
    return digest.hexdigest()
