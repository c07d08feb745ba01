"""The adapters that every contract suite runs over, and races between real processes.

An adapter is given as Python source that makes it, so that a child process can open the same one.
A second adapter adds its source to the table of its port, and nothing else.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.aws.s3 import S3ObjectStore
from chalicelib.ports import Catalog, ObjectStore, Scheduler, Secrets, Signer, Workflow
from tests.support import aws_sources
from tests.support.ministack import ministack_of
from tests.support.seaweedfs import seaweedfs_of

Race = Callable[..., list[str]]
AWS = "aws"

EMBEDDED = "from pathlib import Path\nfrom chalicelib.adapters.embedded."
CATALOGS = {
    "embedded": EMBEDDED + "catalog import SqliteCatalog\n"
    "made = SqliteCatalog(Path({folder!r}, 'catalog.db'))"
}
STORES = {
    "embedded": EMBEDDED + "objects import DirectoryStore\n"
    "from chalicelib.ports import PartLimits\n"
    "made = DirectoryStore(Path({folder!r}, 'store'), b'key', 'http://localhost:8000',\n"
    "    limits=PartLimits(min_part_bytes=4, max_part_bytes=64, max_parts=20))"
}
WORKFLOWS = {
    "embedded": EMBEDDED + "workflow import SqliteWorkflow\n"
    "made = SqliteWorkflow(Path({folder!r}, 'workflow.db'))"
}
SECRETS = {
    "embedded": EMBEDDED + "secrets import FileSecrets\n"
    "made = FileSecrets(Path({folder!r}, 'secrets.json'), Path({folder!r}, 'secrets.key'))"
}
SIGNERS = {
    "embedded": EMBEDDED + "signer import FileSigner\n"
    "made = FileSigner(Path({folder!r}, 'signing.key'))"
}


def _made(source: str) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 - the tables above are the only input
    return names["made"]


@pytest.fixture(params=[*CATALOGS, AWS])
def catalog_source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == AWS:
        return aws_sources.catalog(ministack_of(request.config))
    return CATALOGS[request.param].format(folder=str(tmp_path))


@pytest.fixture
def catalog(catalog_source: str) -> Iterator[Catalog]:
    made = _made(catalog_source)
    yield made
    made.close()


@pytest.fixture(params=[*STORES, AWS])
def store_source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == AWS:
        return aws_sources.store(seaweedfs_of(request.config))
    return STORES[request.param].format(folder=str(tmp_path))


@pytest.fixture
def store(store_source: str) -> Iterator[ObjectStore]:
    made = _made(store_source)
    yield made
    if isinstance(made, S3ObjectStore):
        made.close()


@pytest.fixture(params=[*WORKFLOWS, AWS])
def workflow_source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == AWS:
        return aws_sources.workflow(ministack_of(request.config))
    return WORKFLOWS[request.param].format(folder=str(tmp_path))


@pytest.fixture
def workflow(workflow_source: str) -> Iterator[Workflow]:
    made = _made(workflow_source)
    yield made
    made.close()


@pytest.fixture(params=[*SECRETS, AWS])
def secrets_source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == AWS:
        return aws_sources.secrets(ministack_of(request.config))
    return SECRETS[request.param].format(folder=str(tmp_path))


@pytest.fixture
def secrets(secrets_source: str) -> Secrets:
    made: Secrets = _made(secrets_source)
    return made


@pytest.fixture(params=[*SIGNERS, AWS])
def signer_sources(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Give the sources of two signers with a key each."""
    if request.param == AWS:
        server = ministack_of(request.config)
        return aws_sources.signer(server), aws_sources.signer(server)
    form = SIGNERS[request.param]
    return form.format(folder=str(tmp_path)), form.format(folder=str(tmp_path / "other"))


@pytest.fixture
def signer_source(signer_sources: tuple[str, str]) -> str:
    return signer_sources[0]


@pytest.fixture
def signer(signer_source: str) -> Signer:
    made: Signer = _made(signer_source)
    return made


@pytest.fixture
def other_signer(signer_sources: tuple[str, str]) -> Signer:
    made: Signer = _made(signer_sources[1])
    return made


@pytest.fixture(params=[AWS])
def scheduler(request: pytest.FixtureRequest) -> Scheduler:
    made: Scheduler = _made(aws_sources.scheduler(ministack_of(request.config)))
    return made


@pytest.fixture
def race() -> Race:
    """Run a body in several processes at once; each answers with the last line it prints.

    The body sees `made`, the adapter, and `me`, the number of its process. No process begins
    before all have opened their adapter.
    """
    return _race


_CHILD = """
import sys
from chalicelib.domain.errors import HoldfastError
{source}
me = int(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
{body}
except HoldfastError as error:
    print(type(error).__name__)
"""


def _race(source: str, body: str, *, count: int) -> list[str]:
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    program = _CHILD.format(source=source, body=indented)
    children = [_child(program, number) for number in range(count)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", child.communicate()[1]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    return [_answer(child) for child in children]


def _child(program: str, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _answer(child: subprocess.Popen[str]) -> str:
    output, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors
    return output.strip().splitlines()[-1]
