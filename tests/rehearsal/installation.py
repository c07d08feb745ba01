"""Deploy the packaged template by the code of `make deploy`, to parts that stand in for AWS."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from chalicelib.adapters.aws.clients import client
from chalicelib.adapters.aws.s3_settings import s3_client
from chalicelib.bootstrap.services import Services, build
from chalicelib.settings import Settings
from infra.deploy import Installation as Deployment
from infra.first_key import make
from infra.stacks import Stacks
from infra.template import CODE, Template
from tests.rehearsal.adaptation import WORKER_HANDLER, Places, adapted
from tests.rehearsal.packaging import (
    STAGE,
    Package,
    function_code,
    package_for_here,
    runtime_of,
    worker_code,
)
from tests.rehearsal.roles import Double, doubles_of, grant, rights_of, roles_of
from tests.support import ministack, seaweedfs
from tests.support.ministack import ACCOUNT, REGION, Ministack
from tests.support.seaweedfs import BUCKET, SeaweedFS
from tests.support.servers import ROOT
from tests.support.stack import environment_of, signing_as

WORK: Final = ROOT / ".package" / "rehearsal"
WAIT_SCALE: Final = 0.1
"""How much of the waits of state machines is kept."""
DEPLOY_TIMEOUT_S: Final = 60
PARAMETERS: Final = {
    "WorkerImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/holdfast@sha256:{'0' * 64}"
}
WORKER: Final = f"holdfast-{STAGE}-worker"
WORKER_KEY: Final = "rehearsal/worker.zip"


@dataclass(frozen=True)
class Gateway(httpx.BaseTransport):
    """Bring requests for API Gateway to where it stands in; all others go where they say."""

    server: Ministack
    behind: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        api, dot, _ = request.url.host.partition(".execute-api.")
        if dot:
            stage, _, path = request.url.raw_path.decode().lstrip("/").partition("/")
            there = f"{self.server.endpoint}/restapis/{api}/{stage}/_user_request_/{path}"
            request.url = httpx.URL(there)
            request.headers["Host"] = f"127.0.0.1:{self.server.port}"
        return self.behind.handle_request(request)

    def close(self) -> None:
        self.behind.close()


@dataclass(frozen=True)
class Installation:
    """Hold an installation as its users and operators have it: an API, a key, names."""

    server: Ministack
    objects: SeaweedFS
    outputs: Mapping[str, str]
    pids: Path
    package: Package
    doubles: Mapping[str, Double]
    api: httpx.Client

    def client(self, service: str) -> Any:
        return self.server.client(service)

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Call a function and wait for what it answers; fail on its error."""
        answer = self.client("lambda").invoke(
            FunctionName=f"holdfast-{STAGE}-{function}", Payload=json.dumps(event).encode()
        )
        said: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, said
        return said

    def machine(self, name: str) -> str:
        return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:holdfast-{STAGE}-{name}"

    def started(self, machine: str, values: Mapping[str, Any], name: str | None = None) -> str:
        """Start an execution; return its ARN."""
        named = {} if name is None else {"name": name}
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=self.machine(machine), input=json.dumps(values), **named
        )
        return str(answer["executionArn"])

    def execution_of(self, machine: str, work_id: str) -> str:
        """Return the ARN of the first execution that our workflow starts for a piece of work."""
        return f"{self.machine(machine).replace(':stateMachine:', ':execution:')}:{work_id}"

    def objects_of(self, project_id: str, backup_id: str) -> list[str]:
        """Name the objects of a backup and its uploads that are under way."""
        listed = s3_client(self.objects.place)
        below = {"Bucket": BUCKET, "Prefix": f"projects/{project_id}/backups/{backup_id}/"}
        found = listed.list_objects_v2(**below).get("Contents", [])
        found += listed.list_multipart_uploads(**below).get("Uploads", [])
        return [str(one["Key"]) for one in found]

    def worker_pids(self) -> list[int]:
        """Return the processes in which the worker's function runs."""
        found = [int(path.name) for path in self.pids.iterdir()]
        return [pid for pid in found if _runs_worker(pid)]

    def signal_workers(self, number: signal.Signals) -> None:
        for pid in self.worker_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    @contextmanager
    def worker_with(
        self, variables: Mapping[str, str] | None = None, **changes: Any
    ) -> Iterator[None]:
        """Let the worker's function be configured otherwise for a while."""
        functions = self.client("lambda")
        found = functions.get_function_configuration(FunctionName=WORKER)
        before = {name: found[name] for name in ("Environment", "Handler", "Timeout")}
        changed = {**before["Environment"]["Variables"], **(variables or {})}
        configure = functions.update_function_configuration
        configure(FunctionName=WORKER, Environment={"Variables": changed}, **changes)
        try:
            yield
        finally:
            configure(FunctionName=WORKER, **before)


@contextmanager
def deployed(folder: Path) -> Iterator[Installation]:
    """Deploy everything, with the first key; it all goes afterwards."""
    package = package_for_here(folder / "packaged")
    runtime = runtime_of(package, WORK)
    pids = folder / "pids"
    pids.mkdir()
    with ExitStack() as held:
        server = held.enter_context(
            ministack.running(AUTH="true", SFN_WAIT_SCALE=str(WAIT_SCALE), TMPDIR=str(folder))
        )
        doubles = doubles_of(server, package.template)
        rights = rights_of(package.template, doubles)
        objects = held.enter_context(seaweedfs.running(rights))
        deployment = _deployment(server)
        bucket = deployment.bootstrap()["PackageBucketName"]
        # what `make image` pushes to its repository; here it is a zip beside the packages
        deployment.objects.put_object(Bucket=bucket, Key=WORKER_KEY, Body=worker_code(pids))
        places = Places(server.endpoint, objects.endpoint, bucket, WORKER_KEY, str(folder), doubles)
        out = folder / "package"
        out.mkdir()
        (out / "template.json").write_text(json.dumps(adapted(package.template, places)))
        (out / CODE).write_bytes(function_code(package, runtime))
        outputs = deployment.deploy(out, PARAMETERS)
        grant(server, doubles, _role_names(server, package.template))
        api = held.enter_context(_signed_in(server, outputs))
        yield Installation(server, objects, outputs, pids, package, doubles, api)


def _deployment(server: Ministack) -> Deployment:
    patient = replace(server.place, read_timeout_s=DEPLOY_TIMEOUT_S)
    stacks = client("cloudformation", patient)
    stacks.meta.events.register("provide-client-params.cloudformation.CreateChangeSet", _by_path)
    return Deployment(
        STAGE,
        REGION,
        # it answers from this machine, so nothing is gained by the pause that AWS is given
        Stacks(stacks, lambda _: Event().wait(0.1), time.monotonic),
        client("s3", patient),
        client("kms", patient),
    )


def _by_path(params: dict[str, Any], **_: object) -> None:
    """Write the URL of a template as the stand-in reads it, with the bucket in the path."""
    url = urlsplit(str(params.get("TemplateURL", "")))
    bucket, dot, _rest = url.netloc.partition(".s3.")
    if dot:
        params["TemplateURL"] = f"https://s3.amazonaws.com/{bucket}{url.path}"


@contextmanager
def _signed_in(server: Ministack, outputs: Mapping[str, str]) -> Iterator[httpx.Client]:
    with environment_of(signing_as(server.place.credentials)):
        token = make(_as_deployed(server), "rehearsal")
    with httpx.Client(
        base_url=outputs["EndpointURL"],
        headers={"Authorization": f"Bearer {token}"},
        transport=Gateway(server),
        timeout=40,
    ) as made:
        yield made


def _as_deployed(server: Ministack) -> Services:
    functions = server.client("lambda")
    found = functions.get_function_configuration(FunctionName=f"holdfast-{STAGE}-api_handler")
    return build(Settings.read(found["Environment"]["Variables"]))


def _role_names(server: Ministack, template: Template) -> dict[str, str]:
    described = server.client("cloudformation").describe_stack_resources
    made = described(StackName=f"holdfast-{STAGE}")["StackResources"]
    names = {one["LogicalResourceId"]: str(one["PhysicalResourceId"]) for one in made}
    return {function: names[role] for function, role in roles_of(template).items()}


def _runs_worker(pid: int) -> bool:
    with suppress(OSError):
        return WORKER_HANDLER.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False
