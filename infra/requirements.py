"""Make requirements.txt, which Chalice packages, from the `lambda` extra of pyproject.toml.

    python infra/requirements.py          exit code 1 when requirements.txt is not current
    python infra/requirements.py --write  pin every package with hashes, for Lambda's Python 3.13

Chalice reads requirements.txt and nothing else, so it must never be edited by hand: its first line
holds the digest of what it was made from.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "requirements.txt"
LAMBDA_PYTHON = "3.13"


def wanted() -> list[str]:
    """Return what pyproject.toml asks for on Lambda."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra: list[str] = project["optional-dependencies"]["lambda"]
    return sorted(extra)


def first_line() -> str:
    """Return the line that ties requirements.txt to its source."""
    digest = hashlib.sha256("\n".join(wanted()).encode()).hexdigest()
    return f"# made by `make requirements` from the extra `lambda`; sha256 of it: {digest}"


def is_current() -> bool:
    """Tell whether requirements.txt was made from what pyproject.toml says now."""
    return TARGET.exists() and TARGET.read_text().splitlines()[0] == first_line()


def write() -> None:
    """Resolve and pin, with hashes of every file of each release."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "lambda.in"
        source.write_text("\n".join(wanted()) + "\n")
        resolved = subprocess.run(
            [
                sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--generate-hashes",
                "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links",
                f"--python-version={LAMBDA_PYTHON}", "--python-platform=x86_64-manylinux2014",
                str(source),
            ],
            check=True,
            capture_output=True,
            text=True,
        )  # fmt: skip
    TARGET.write_text(first_line() + "\n" + resolved.stdout)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write()
    elif not is_current():
        sys.exit("requirements.txt is not current: run `make requirements`")
