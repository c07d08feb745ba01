"""Functions as AWS runs them, in the stand-in: our handlers behind Lambda's own runtime client.

The stand-in's Python runtime names every error alike. A runtime of its own (`provided.al2023`)
that starts awslambdaric tells the class names, which state machines match.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.support.ministack import ROLE, Ministack, fresh
from tests.support.servers import ROOT

TIMEOUT_S: Final = 30
EXECUTABLE: Final = 0o755 << 16


@dataclass(frozen=True)
class Code:
    """Say what a function runs: a handler, out of the repository or of files of its own.

    `before` is shell that runs first.
    """

    handler: str
    files: Mapping[str, str] | None = None
    before: str = ""

    def zipped(self) -> bytes:
        """Return the archive that is deployed."""
        folder = f"cd {ROOT}\n" if self.files is None else 'cd "$LAMBDA_TASK_ROOT"\n'
        start_client = f"exec {sys.executable} -m awslambdaric {self.handler}\n"
        bootstrap = f"#!/bin/sh\n{self.before}\n{folder}{start_client}"
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            start = zipfile.ZipInfo("bootstrap")
            start.external_attr = EXECUTABLE
            archive.writestr(start, bootstrap)
            for name, text in (self.files or {}).items():
                archive.writestr(name, text)
        return held.getvalue()


def new_function(server: Ministack, code: Code, environment: Mapping[str, str]) -> str:
    """Deploy a function and return its name."""
    name = fresh("function")
    server.client("lambda").create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler=code.handler,
        Role=ROLE,
        Code={"ZipFile": code.zipped()},
        Timeout=TIMEOUT_S,
        Environment={"Variables": dict(environment)},
    )
    return name
