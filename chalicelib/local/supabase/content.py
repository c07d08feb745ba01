"""What fills a stand-in: users with their sign-ins, orders, files, functions."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from chalicelib.engine.connection import Session
from chalicelib.local.supabase.edge_functions import EdgeFunction
from chalicelib.local.supabase.management_api import Platform
from chalicelib.local.supabase.storage_api import NewObject, StandInStorage

PRIVATE_BUCKET: Final = "avatars"
PUBLIC_BUCKET: Final = "öffentlich & frei"

NAMES: Final = (
    "open/logo.svg",
    "a folder/with blanks & ampersands.txt",
    "percent%2Fplus+question?hash#.txt",
    "Ünïcode/日本語.txt",
    "-- not a comment'; $(no shell) `either`.txt",
    "empty",
)

SOURCE: Final = b"""import { greet } from "../_shared/greeting.ts";
Deno.serve((request) => new Response(greet(new URL(request.url).pathname)));
"""
SHARED: Final = "export const greet = (name: string) => `Grüße, ${name}`;\n".encode()


def seed_rows(session: Session, users: int) -> None:
    """Make so many users with what hangs on them; the session is the platform's superuser."""
    session.execute("SELECT set_config('stand_in.users', %s, false)", (str(users),))
    session.execute(Path(__file__).with_name("users.sql").read_bytes())


def seed_files(storage: StandInStorage, files: int) -> None:
    """Keep so many small files: the names that broke things first, then plain ones."""
    storage.make_bucket(PRIVATE_BUCKET)
    storage.make_bucket(PUBLIC_BUCKET, public=True)
    for number in range(files):
        name = NAMES[number] if number < len(NAMES) else f"many/{number:06}.txt"
        content = b"" if name == "empty" else f"file {number}\n".encode() * (number + 1)
        owner = f"00000000-0000-4000-8000-{number + 1:012}"
        new = NewObject("text/plain", "max-age=3600", {"number": number}, owner)
        storage.upload(PUBLIC_BUCKET if number % 2 else PRIVATE_BUCKET, name, content, new)


def seed_functions(platform: Platform) -> None:
    """Deploy two functions, one of which shares a file, and set a secret."""
    hello = {"hello/index.ts": SOURCE, "_shared/greeting.ts": SHARED}
    binary = {"index.ts": b"export {};\n", "data/table.bin": bytes(range(256))}
    with platform.lock:
        platform.functions["hello"] = EdgeFunction("hello", hello, "hello/index.ts")
        platform.functions["tables"] = EdgeFunction("tables", binary, verify_jwt=False)
        platform.secrets["PAYMENT_KEY"] = "canary-function-secret-88"
