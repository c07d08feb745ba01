"""Follow RECOVERY.md to the letter: its commands as they stand, by the shell, with stock tools."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chalicelib.domain.connection import Connection
from tests.support.dumping import client_environment

TOOLS: Final = ("sha256sum", "jq", "base64", "openssl", "gzip", "bzip2", "zstd")
"""What the text names besides PostgreSQL's own programs."""

_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[str]:
    """Return the fenced blocks in their order."""
    return _BLOCK.findall(text)


def missing_tools() -> list[str]:
    """Name the tools that this machine lacks."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def follow(blocks: Sequence[str], folder: Path, server: Connection, bin_dir: Path) -> str:
    """Run the blocks in a folder, with the one word replaced that they ask to replace.

    The environment says which server, as the text asks; return all that was printed.
    """
    script = "\n".join(blocks).replace("TARGET", server.endpoint.database)
    environment = client_environment(server)
    del environment["PGDATABASE"]  # the text does not ask for it
    environment["PATH"] = f"{bin_dir}:{environment['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-eux"],
        input=script,
        text=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
