"""Deploy a packaged installation: bootstrap stack, zip and template to S3, stack, pinned key.

    python -m infra.deploy [--stage dev] [--region R] [--bootstrap-only]

Parameters come from infra/parameters/STAGE.json, the image from out/image (`make image`). Running
it again changes nothing that is as it should be. The public half of the signing key and the API's
address are known only after a first deployment, so that one is followed by a second.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws.kms_signer import KmsClient, fetch_public_key
from chalicelib.domain.errors import HoldfastError
from infra.image import NAMED
from infra.package import MARK, OUT, ROOT
from infra.stacks import DeployError, Stacks, Wanted
from infra.template import CODE, with_code

BOOTSTRAP: Final = "holdfast-bootstrap"
PARAMETERS: Final = ROOT / "infra" / "parameters"
FILLED_IN: Final = ("SigningPublicKey", "PublicUrl")
"""What deploying finds out by itself."""


class Bucket(Protocol):
    """Name the calls made of the client of S3."""

    def head_object(self, **arguments: object) -> dict[str, Any]:
        """Describe an object."""
        ...

    def put_object(self, **arguments: object) -> dict[str, Any]:
        """Store an object."""
        ...


@dataclass(frozen=True)
class Installation:
    """Deploy one stage of one account and region."""

    stage: str
    region: str
    stacks: Stacks
    objects: Bucket
    keys: KmsClient

    @property
    def name(self) -> str:
        """The name of the stack."""
        return f"holdfast-{self.stage}"

    def bootstrap(self) -> dict[str, str]:
        """Make what comes before any stage; return its outputs."""
        text = (ROOT / "infra" / "bootstrap.yaml").read_text()
        self.stacks.deploy(Wanted(BOOTSTRAP, {"TemplateBody": text}))
        return self.stacks.outputs(BOOTSTRAP)

    def deploy(self, package: Path, parameters: Mapping[str, str]) -> dict[str, str]:
        """Deploy a package, then again with what only the first time could tell."""
        bucket = self.stacks.outputs(BOOTSTRAP)["PackageBucketName"]
        url = self._uploaded(package, bucket)
        known = self._known()
        self._apply(url, {**parameters, **known})
        found = self._found()
        if found != known:
            self._apply(url, {**parameters, **found})
        return self.stacks.outputs(self.name)

    def _apply(self, url: str, parameters: Mapping[str, str]) -> None:
        given = {"Stage": self.stage, **parameters}
        tags = {"holdfast:stage": self.stage}
        self.stacks.deploy(Wanted(self.name, {"TemplateURL": url}, given, tags))

    def _known(self) -> dict[str, str]:
        # a stack that stands keeps its pins, or the first of both rounds would take them away
        try:
            return self._found()
        except DeployError:
            return {}

    def _found(self) -> dict[str, str]:
        outputs = self.stacks.outputs(self.name)
        pem = fetch_public_key(self.keys, outputs["SigningKeyArn"])
        # Chalice names its output, with a slash behind the stage
        return {"SigningPublicKey": pem, "PublicUrl": outputs["EndpointURL"].rstrip("/")}

    def _uploaded(self, package: Path, bucket: str) -> str:
        key = self._kept(bucket, (package / CODE).read_bytes(), "zip")
        template = json.loads((package / "template.json").read_text())
        placed = json.dumps(with_code(template, bucket, key), sort_keys=True).encode()
        return (
            f"https://{bucket}.s3.{self.region}.amazonaws.com/{self._kept(bucket, placed, 'json')}"
        )

    def _kept(self, bucket: str, data: bytes, ending: str) -> str:
        # by its digest: what is there already need not be sent, and nothing is ever replaced
        key = f"{self.name}/{hashlib.sha256(data).hexdigest()}.{ending}"
        try:
            self.objects.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey", "NotFound"}:
                raise
            self.objects.put_object(Bucket=bucket, Key=key, Body=data)
        return key


def parameters_of(stage: str, folder: Path, image: Path) -> dict[str, str]:
    """Return the parameters of a stage; DeployError names what is missing."""
    path = folder / f"{stage}.json"
    if not path.exists():
        raise DeployError(f"{path.name} is missing: copy infra/parameters/example.json and edit it")
    try:
        given = json.loads(path.read_text())
    except ValueError as error:
        raise DeployError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
        raise DeployError(f"{path.name} must be an object of texts")
    taken = sorted({*FILLED_IN, "Stage"} & set(given))
    if taken:
        raise DeployError(f"{path.name} sets {', '.join(taken)}, which deploying fills in")
    if "WorkerImageUri" not in given:
        if not image.exists():
            raise DeployError(
                "no image was pushed: run make image with PUSH=, or set WorkerImageUri"
            )
        given |= _pushed(image)
    return given


def _pushed(image: Path) -> dict[str, str]:
    built_for = image.with_suffix(".architecture")
    if not built_for.exists():
        raise DeployError("nobody noted what the image was built for: push it again")
    # the template takes only the architecture that the zip was made for
    return {
        "WorkerImageUri": image.read_text().strip(),
        "Architecture": built_for.read_text().strip(),
    }


def require_package(package: Path) -> None:
    """Refuse what is not there, and what was packaged only to be judged."""
    if (package / MARK).exists():
        raise DeployError("this package was made to be judged only: run make package")
    for name in (CODE, "template.json"):
        if not (package / name).exists():
            raise DeployError(f"there is no {name}: run make package")


def installation(stage: str, region: str | None) -> Installation:
    """Name the installation of a stage in the account of this machine's credentials."""
    session = boto3.session.Session(region_name=region)
    if session.region_name is None:
        raise DeployError("no region is set: name one with --region or AWS_DEFAULT_REGION")
    stacks = Stacks(session.client("cloudformation"), Event().wait)
    clients: dict[str, Any] = {name: session.client(name) for name in ("s3", "kms")}
    return Installation(stage, session.region_name, stacks, clients["s3"], clients["kms"])


def main(arguments: Sequence[str]) -> int:
    """Deploy, and print what came of it."""
    parser = argparse.ArgumentParser(prog="infra.deploy")
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--region")
    parser.add_argument("--bootstrap-only", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        outputs = _deployed(asked)
    except (DeployError, HoldfastError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for name, value in sorted(outputs.items()):
        sys.stdout.write(f"{name}: {value}\n")
    return 0


def _deployed(asked: argparse.Namespace) -> dict[str, str]:
    target = installation(asked.stage, asked.region)
    if asked.bootstrap_only:
        return target.bootstrap()
    require_package(OUT)
    parameters = parameters_of(asked.stage, PARAMETERS, NAMED)
    target.bootstrap()
    return target.deploy(OUT, parameters)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
