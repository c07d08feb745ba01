"""Take pictures of every page with the demo's data: `make screenshots`.

Two of them go into screenshots/, for the README; all of them, light, dark and on a phone, go into
out/screenshots/, to be looked at.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.backup import Backup, VerificationLevel
from chalicelib.domain.project import Project
from chalicelib.domain.record import Query
from chalicelib.domain.restore import Restore
from chalicelib.domain.schedule import Schedule
from chalicelib.local.demo_up import Listener, demo_data
from chalicelib.settings import Settings
from tests.screenshots.camera import LOOKS, Look, Viewers, serving, signed_in, take, viewers
from tests.screenshots.shots import SHOTS
from tests.screenshots.stage import Cast, Stage, furnished
from tests.support.chromium import launched

ROOT: Final = Path(__file__).parents[2]
SHOWN: Final = ROOT / "screenshots"
ALL: Final = ROOT / "out" / "screenshots"
MAX_BYTES: Final = 150_000
README: Final = Look("readme", (1200, 720))


def main(arguments: list[str]) -> int:
    """Take all pictures; return 1 when one for the README is too large."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots")
    parser.add_argument("--data", type=Path, help="a demo's data folder, to use once more")
    parser.add_argument("--only", default="", help="take pictures whose names begin so")
    chosen = parser.parse_args(arguments)
    with ExitStack() as stack:
        services = stack.enter_context(_demo(chosen.data))
        browser = stack.enter_context(launched(shutil.which("chromium")))
        too_large = [] if chosen.only else _for_readme(browser, services)
        # only now: what the other pictures need would stand in those of the README
        stage = stack.enter_context(furnished(services, _cast(services)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        empty = Stage(embedded(_settings(folder / "data")), {})
        lookers = stack.enter_context(viewers(browser, stage, empty))
        for look in LOOKS:
            _take_all(lookers, look, chosen.only)
    for path in too_large:
        print(f"{path.name} has more than {MAX_BYTES} bytes")
    return int(bool(too_large))


def _cast(services: Services) -> Cast:
    find = services.ledger.catalog.find
    shop = next(one for one in find(Query(Project)).items if one.name == "Shop")
    levels = {
        one.id: one.verification.level
        for one in find(Query(Backup, index=("project_id", shop.id))).items
        if one.verification is not None
    }
    proven = next(one for one, level in levels.items() if level is VerificationLevel.PROOF)
    other = next(one for one in levels if one != proven)
    return Cast(
        shop,
        schedule=find(Query(Schedule)).items[0],
        proven=services.backups.get(proven),
        other=services.backups.get(other),
        restore=find(Query(Restore)).items[0],
    )


def _take_all(lookers: Viewers, look: Look, only: str) -> None:
    for shot in SHOTS:
        if not shot.name.startswith(only):
            continue
        viewer = lookers[shot.eyes]
        look.dress(viewer.page)
        path = ALL / f"{shot.name}-{look.name}.png"
        print(f"{path.relative_to(ROOT)}: {take(viewer.show(shot), path, whole=True)} bytes")


def _for_readme(browser: Browser, services: Services) -> list[Path]:
    """Take the pictures of the README, and return those that are too large."""
    proven = _cast(services).proven.id
    with serving(services) as url:
        page = signed_in(browser, url, services)
        README.dress(page)
        taken = {}
        for name, where in (("overview", "/"), ("backup", f"/dashboard/backups/{proven}")):
            page.goto(url + where)
            taken[SHOWN / f"{name}.png"] = take(page, SHOWN / f"{name}.png", whole=False)
        page.close()
    return [path for path, size_bytes in taken.items() if size_bytes > MAX_BYTES]


@contextmanager
def _demo(data: Path | None) -> Iterator[Services]:
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kept = data or temporary / "kept"
        stack.enter_context(demo_data(_settings(kept), Listener(print, _go_on)))
        # of a copy, so that a folder that is used once more holds nothing but the demo
        services = embedded(_settings(shutil.copytree(kept, temporary / "shown")))
        # what a running service does every five minutes
        services.sweeper.sweep(starting=False)
        yield services


def _settings(data: Path) -> Settings:
    return Settings(data=data, requests_per_minute=0, starts_per_minute=0, strangers_per_minute=0)


def _go_on() -> None:
    """Be asked whether to go on, and always do."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
