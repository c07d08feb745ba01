"""A task of Fargate, played by a function: it runs the container's command as the image does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any


def handler(event: Mapping[str, Any], _context: object) -> dict[str, str]:
    subprocess.run([sys.executable, "-m", "chalicelib.worker", *event["command"]], check=True)
    return {}


def breaking(_event: Mapping[str, Any], _context: object) -> dict[str, str]:
    raise OSError("the container stopped before it began")
