"""One table, planted secret by sink: a service at work, well and badly, leaks into none of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from psycopg import sql

from chalicelib.domain.connection import Connection
from chalicelib.local.postgres import LocalPostgres
from tests.support.canaries import leaks
from tests.support.dumping import connected
from tests.support.ministack import ministack_of
from tests.support.places import Places, subscribed
from tests.support.scene import Scene
from tests.support.seaweedfs import WORKER
from tests.support.stack import AWS, EMBEDDED, Stack

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]

# Letters that every writer escapes in a way of its own.
PASSWORD = 'canary pw:7d1f/\u00e4"\\%+&'
WRONG = 'canary wrong:9e2c/\u00fc"\\%+&'
REFUSED = "canary-refused-55b1"
STRANGER = "canary-of-a-stranger-31c8"
UNKNOWN_LINK = "canary-unknown-link-6ea0"
VISIBLE = "canary-that-may-be-seen"
NOWHERE = "01JD0000000000000000000000"
WELL_AND_BADLY = ("completed", "failed", "completed", "completed", "failed", "failed", "completed")

# A worker on AWS signs as somebody; its own environment is where the platform puts that.
MUST_HOLD = {AWS: {("AWS secret", "environ of workers")}, EMBEDDED: set[tuple[str, str]]()}


@dataclass(frozen=True)
class Source:
    """A database, the port it is at, and a role whose password is a canary."""

    port: int
    database: str
    role: str
    administrator: Connection

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every dump waiting, so that it can be interrupted."""
        with connected(self.administrator) as session, session.transaction():
            session.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            yield

    def url(self, password: str, extra: str = "") -> str:
        return (
            f"postgresql://{self.role}:{quote(password, safe='')}"
            f"@127.0.0.1:{self.port}/{self.database}{extra}"
        )


@pytest.fixture
def source(postgres18: LocalPostgres, database: Callable[..., Connection]) -> Iterator[Source]:
    made = database(postgres18)
    role = f"canary_{secrets.token_hex(4)}"
    name = sql.Identifier(role)
    with connected(made) as session:
        session.execute("CREATE TABLE orders AS SELECT md5(n::text) FROM generate_series(1,99999)n")
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE pg_read_all_data")
        session.execute(statement.format(name, sql.Literal(PASSWORD)))
    yield Source(made.endpoint.port, made.endpoint.database, role, made)
    with connected(made) as session:
        session.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.fixture
def places(stack: Stack, request: pytest.FixtureRequest) -> Places | None:
    return subscribed(stack, ministack_of(request.config)) if stack.name == AWS else None


def play(scene: Scene, source: Source) -> dict[str, bytes]:
    """Do what a service does, and what goes wrong; return the secrets that took part in it."""
    good = scene.ask("POST", "/v1/projects", {"name": VISIBLE, "url": source.url(PASSWORD)})["id"]
    bad = scene.ask("POST", "/v1/projects", {"name": "bad", "url": source.url(WRONG)})["id"]
    ended = [scene.job(f"/v1/projects/{project}/test")["status"] for project in (good, bad)]
    ended += [scene.job(f"/v1/projects/{good}/estimate", {})["status"]]
    done = scene.backup(good)
    ended += [done["status"], scene.backup(bad)["status"]]
    with source.locked():
        ended += [scene.backup(good, interrupted=True)["status"]]
    ended += [scene.job(f"/v1/backups/{done['id']}/verify")["status"]]
    assert ended == [*WELL_AND_BADLY]
    return {"password": PASSWORD.encode(), "wrong password": WRONG.encode()} | hand_over(
        scene, done["id"]
    )


def hand_over(scene: Scene, backup_id: str) -> dict[str, bytes]:
    """Make a key and a link, use them and refuse others; return what was handed over."""
    key = scene.receive("POST", "/v1/keys", {"name": "reader", "role": "viewer"}).json()["token"]
    link = scene.receive("POST", f"/v1/backups/{backup_id}/links", {}).json()["token"]
    location = scene.receive("GET", f"/downloads/{link}").headers["location"]
    scene.ask("GET", "/v1/backups", key=key)
    scene.ask("GET", "/v1/backups", key=f"hf_{NOWHERE}_{STRANGER}")
    scene.ask("GET", f"/downloads/{NOWHERE}.{UNKNOWN_LINK}")
    scene.ask("GET", f"/v1/backups/{backup_id}/links")
    query = {name.lower(): value for name, [value] in parse_qs(urlsplit(location).query).items()}
    return {
        "API key": key.split("_", 2)[2].encode(),
        "link": link.partition(".")[2].encode(),
        "signature": (query.get("x-amz-signature") or query["signature"]).encode(),
        "key of a stranger": STRANGER.encode(),
        "unknown link": UNKNOWN_LINK.encode(),
    }


def keys_of(stack: Stack) -> dict[str, bytes]:
    """Return the keys that lie in the data folder, or what a worker on AWS signs with."""
    if stack.name == AWS:
        return {"AWS secret": str(WORKER.secret_access_key).encode()}
    folder = stack.services.settings.data / "keys"
    return {path.name: path.read_bytes().strip() for path in folder.glob("*.key")}


def test_no_secret_is_in_any_sink(
    stack: Stack,
    api: httpx.Client,
    source: Source,
    places: Places | None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    scene = Scene(stack, api)
    refused = {"name": "refused", "url": source.url(REFUSED, "?service=x")}
    scene.ask("POST", "/v1/projects", refused)

    planted = play(scene, source) | {"refused password": REFUSED.encode()} | keys_of(stack)
    stack.services.sweeper.sweep()
    scene.output.append("".join(capfd.readouterr()).encode())

    sinks = scene.sinks(places)
    assert leaks(planted, sinks) == MUST_HOLD[stack.name]
    assert leaks({"visible": VISIBLE.encode(), "role": source.role.encode()}, sinks) >= {
        ("visible", "answers"),
        ("visible", "records"),
        ("role", "environ of clients"),
    }
    assert all(sinks[name] for name in sinks if name != "output"), "a sink that nothing was read of"
