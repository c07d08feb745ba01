"""Pin what is packaged for AWS, with hashes, from the extras of pyproject.toml.

    python infra/requirements.py          exit code 1 when a file is not current
    python infra/requirements.py --write  pin every package of both, for Python 3.13

The extra `lambda` makes requirements.txt, which Chalice reads, and nothing else; the extra `worker`
makes what the worker's image installs. Neither may be edited by hand: the first line holds the
digest of what the file was made from.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGETS = {
    "lambda": ROOT / "requirements.txt",
    "worker": ROOT / "layers" / "pgclient" / "requirements.txt",
}
LAMBDA_PYTHON = "3.13"


def wanted(extra: str) -> list[str]:
    """Return what pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named: list[str] = project["optional-dependencies"][extra]
    return sorted(named)


def first_line(extra: str) -> str:
    """Return the line that ties a file to its source."""
    digest = hashlib.sha256("\n".join(wanted(extra)).encode()).hexdigest()
    return f"# made by `make requirements` from the extra `{extra}`; sha256 of it: {digest}"


def is_current() -> bool:
    """Tell whether every file was made from what pyproject.toml says now."""
    return all(
        target.exists() and target.read_text().splitlines()[0] == first_line(extra)
        for extra, target in TARGETS.items()
    )


def write(extra: str) -> None:
    """Resolve and pin, with hashes of every file of each release."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{extra}.in"
        source.write_text("\n".join(wanted(extra)) + "\n")
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
    TARGETS[extra].write_text(first_line(extra) + "\n" + resolved.stdout)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        for name in TARGETS:
            write(name)
    elif not is_current():
        sys.exit("requirements are not current: run `make requirements`")
