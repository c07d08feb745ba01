"""Build the worker's image with whichever builder is there: docker, podman or buildah.

    python -m infra.image [--pg-majors "17"] [--tag holdfast-worker] [--target layer] [--push URI]
                          [--architecture arm64]

Wheels are fetched first, by their hashes; the build itself takes Debian packages only. Another
architecture than this machine's needs a builder that can run its programs (qemu). With --push the
digest is written to out/image, where `make deploy` reads it, and the architecture beside it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
WHEELS: Final = ROOT / "out" / "wheels"
NAMED: Final = ROOT / "out" / "image"
ARCHITECTURE: Final = NAMED.with_suffix(".architecture")
DOCKERFILE: Final = ROOT / "layers" / "pgclient" / "Dockerfile"
REQUIREMENTS: Final = DOCKERFILE.with_name("requirements.txt")
BUILDERS: Final = ("docker", "podman", "buildah")
MACHINES: Final = {"x86_64": ("amd64", "x86_64"), "arm64": ("arm64", "aarch64")}
"""What AWS calls an architecture, what builders of images do, and what wheels do."""
PROBE_TIMEOUT_S: Final = 30


class ImageError(Exception):
    """Say in a sentence why there is no image."""


class NotHere(ImageError):
    """Say that this machine can make none, whatever the sources say."""


def answers(builder: str) -> bool:
    """Tell whether a builder is installed and works; docker may be there without its daemon."""
    if shutil.which(builder) is None:
        return False
    try:
        run = subprocess.run(
            [builder, "info"], capture_output=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0


def chosen(works: Callable[[str], bool]) -> str:
    """Return the first builder that works; NotHere when none does."""
    for builder in BUILDERS:
        if works(builder):
            return builder
    raise NotHere(
        "no builder of images works here; install docker, podman or buildah"
        " (buildah needs no daemon: apt-get install buildah)"
    )


def build_command(builder: str, asked: argparse.Namespace) -> list[str]:
    """Return how this builder builds."""
    verb = ["bud", "--layers"] if builder == "buildah" else ["build"]
    verb += ["--platform", f"linux/{MACHINES[asked.architecture][0]}"]
    if builder == "docker":
        verb += ["--provenance=false"]
    # Lambda takes images of one platform, as a plain manifest
    return [
        builder, *verb,
        "--file", str(DOCKERFILE),
        "--target", asked.target,
        "--build-arg", f"PG_MAJORS={asked.pg_majors}",
        "--tag", asked.tag,
        *(["--pull-never"] if asked.offline and builder == "buildah" else []),
        str(ROOT),
    ]  # fmt: skip


def download_command(python: str, architecture: str) -> list[str]:
    """Return how the wheels of the image are fetched."""
    machine = MACHINES[architecture][1]
    named = (f"manylinux2014_{machine}", f"manylinux_2_28_{machine}")
    platforms = [part for name in named for part in ("--platform", name)]
    return [
        python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--python-version", "3.13", *platforms, "--only-binary=:all:", "--no-deps",
        "--require-hashes", "--dest", str(WHEELS), "--requirement", str(REQUIREMENTS),
    ]  # fmt: skip


def push_commands(builder: str, tag: str, repository: str, digest_file: Path) -> list[list[str]]:
    """Return how the image gets into a repository and its digest into a file."""
    target = f"{repository}:{version()}"
    if builder == "buildah":
        return [["buildah", "push", f"--digestfile={digest_file}", tag, f"docker://{target}"]]
    digest = [f"--digestfile={digest_file}"] if builder == "podman" else []
    return [[builder, "tag", tag, target], [builder, "push", *digest, target]]


def version() -> str:
    """Name the commit; tags of the repository cannot be moved."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def pushed_digest(builder: str, repository: str, digest_file: Path) -> str:
    """Return `repository@sha256:…` of what was pushed; ImageError when nobody knows."""
    if builder != "docker":
        return f"{repository}@{digest_file.read_text().strip()}"
    command = [
        "docker", "inspect", "--format", '{{join .RepoDigests "\\n"}}', f"{repository}:{version()}"
    ]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in said.splitlines():
        if line.startswith(f"{repository}@"):
            return line
    raise ImageError("docker does not tell the digest of what it pushed")


def main(arguments: Sequence[str]) -> int:
    """Build, and push when asked to; return 1 for a failure, 2 where nothing can be built."""
    parser = argparse.ArgumentParser(prog="infra.image")
    parser.add_argument("--pg-majors", default="17")
    parser.add_argument("--tag", default="holdfast-worker")
    parser.add_argument("--target", default="worker", choices=("worker", "layer", "pgclient"))
    parser.add_argument("--offline", action="store_true", help="take the base that is at hand")
    parser.add_argument("--push", metavar="REPOSITORY_URI")
    parser.add_argument("--architecture", default="x86_64", choices=MACHINES)
    asked = parser.parse_args(arguments)
    try:
        builder = chosen(answers)
        WHEELS.mkdir(parents=True, exist_ok=True)
        _fetch(download_command(sys.executable, asked.architecture))
        _run(build_command(builder, asked))
        if asked.push:
            _push(builder, asked)
    except ImageError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, NotHere) else 1
    sys.stdout.write(f"built {asked.tag} with {builder}\n")
    return 0


def _push(builder: str, asked: argparse.Namespace) -> None:
    digest_file = NAMED.with_suffix(".digest")
    for command in push_commands(builder, asked.tag, asked.push, digest_file):
        _run(command)
    NAMED.write_text(pushed_digest(builder, asked.push, digest_file) + "\n")
    ARCHITECTURE.write_text(f"{asked.architecture}\n")


def _fetch(command: list[str]) -> None:
    try:
        _run(command)
    except ImageError as error:
        raise NotHere("the wheels could not be fetched, see above") from error


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, cwd=ROOT, env=os.environ | ISOLATED)  # noqa: TID251 - builders read settings of their own
    except (OSError, subprocess.CalledProcessError) as error:
        raise ImageError(f"{Path(command[0]).name} failed, see above") from error


ISOLATED: Final = {"BUILDAH_ISOLATION": "chroot"}
"""Without it buildah wants cgroups, which build machines seldom hand out."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
