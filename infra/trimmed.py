"""Leave out of the zip what botocore knows of services that no function calls.

That is half of the zip, which every cold start fetches and opens.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from chalicelib.adapters.aws.service_errors import OPERATIONS

DATA: Final = "botocore/data/"
SERVICES: Final = frozenset({*OPERATIONS, "s3", "sts"})
"""Those the adapters call, and the one that boto3 asks for credentials."""


def without_foreign_services(archive: Path) -> None:
    """Write the zip anew without them."""
    trimmed = archive.with_suffix(".trimmed")
    with (
        zipfile.ZipFile(archive) as whole,
        zipfile.ZipFile(trimmed, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in kept(whole.namelist()):
            packed.writestr(whole.getinfo(name), whole.read(name))
    trimmed.replace(archive)


def kept(names: Iterable[str]) -> list[str]:
    """Return what stays; files that are of no single service do."""
    return [name for name in names if _service_of(name) in {None, *SERVICES}]


def _service_of(name: str) -> str | None:
    service, slash, _ = name.removeprefix(DATA).partition("/")
    return service if name.startswith(DATA) and slash else None
