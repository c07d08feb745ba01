"""Promises of deploying, against a CloudFormation that answers as AWS documents it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.deploy import BOOTSTRAP, Installation, parameters_of, require_package
from infra.package import MARK
from infra.stacks import PATIENCE_S, DeployError, Stacks, Wanted

KEY = ec.generate_private_key(ec.SECP256R1()).public_key()


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@dataclass
class FakeCloudFormation:
    """Hold stacks, plan and carry out changes; `breaks` ends every change of a stack."""

    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    plans: dict[str, dict[str, Any]] = field(default_factory=dict)
    executed: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    breaks: str | None = None
    refuses: str | None = None
    hangs: bool = False

    def describe_stacks(self, **arguments: Any) -> dict[str, Any]:
        name = arguments["StackName"]
        if name not in self.stacks:
            raise refused("ValidationError", f"Stack with id {name} does not exist")
        outputs = self.outputs.get(name, {}).items()
        pairs = [{"OutputKey": key, "OutputValue": value} for key, value in outputs]
        return {"Stacks": [{"StackStatus": self.stacks[name]["status"], "Outputs": pairs}]}

    def create_change_set(self, **arguments: Any) -> dict[str, Any]:
        name = arguments["StackName"]
        exists = name in self.stacks and self.stacks[name]["status"] != "REVIEW_IN_PROGRESS"
        assert arguments["ChangeSetType"] == ("UPDATE" if exists else "CREATE")
        self.stacks.setdefault(name, {"status": "REVIEW_IN_PROGRESS", "content": None})
        self.plans[name] = arguments
        return {}

    def describe_change_set(self, **arguments: Any) -> dict[str, Any]:
        name = arguments["StackName"]
        if self.refuses is not None:
            return {"Status": "FAILED", "StatusReason": self.refuses}
        if self.hangs:
            return {"Status": "CREATE_IN_PROGRESS"}
        if self.stacks[name]["content"] == self._content(self.plans[name]):
            reason = "The submitted information didn't contain changes."
            return {"Status": "FAILED", "StatusReason": reason}
        return {"Status": "CREATE_COMPLETE"}

    def execute_change_set(self, **arguments: Any) -> dict[str, Any]:
        name = arguments["StackName"]
        plan = self.plans.pop(name)
        self.executed.append(plan)
        status = self.breaks or f"{plan['ChangeSetType']}_COMPLETE"
        self.stacks[name] = {"status": status, "content": self._content(plan)}
        return {}

    def delete_change_set(self, **arguments: Any) -> dict[str, Any]:
        self.plans.pop(arguments["StackName"], None)
        return {}

    def describe_stack_events(self, **arguments: Any) -> dict[str, Any]:
        del arguments
        return {
            "StackEvents": [
                {
                    "ResourceStatus": "CREATE_FAILED",
                    "LogicalResourceId": "Worker",
                    "ResourceStatusReason": "Resource creation cancelled",
                },
                {
                    "ResourceStatus": "CREATE_FAILED",
                    "LogicalResourceId": "BackupBucket",
                    "ResourceStatusReason": "access denied",
                },
            ]
        }

    def delete_stack(self, **arguments: Any) -> dict[str, Any]:
        del self.stacks[arguments["StackName"]]
        return {}

    def _content(self, plan: dict[str, Any]) -> str:
        keys = ("TemplateBody", "TemplateURL", "Parameters")
        return json.dumps([plan.get(key) for key in keys])


@dataclass
class FakeBucket:
    objects: dict[str, bytes] = field(default_factory=dict)
    puts: int = 0

    def head_object(self, **arguments: Any) -> dict[str, Any]:
        if arguments["Key"] not in self.objects:
            raise refused("404", "Not Found")
        return {}

    def put_object(self, **arguments: Any) -> dict[str, Any]:
        self.objects[arguments["Key"]] = arguments["Body"]
        self.puts += 1
        return {}


class FakeKeys:
    def sign(self, **arguments: object) -> dict[str, Any]:
        raise AssertionError("nothing is signed while deploying")

    def get_public_key(self, **arguments: object) -> dict[str, Any]:
        del arguments
        return {"PublicKey": KEY.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)}


class Ticks:
    """A clock that goes on with every pause."""

    def __init__(self) -> None:
        self.at = 0.0

    def pause(self, seconds: float) -> None:
        self.at += seconds

    def now(self) -> float:
        return self.at


@pytest.fixture
def cloud() -> FakeCloudFormation:
    made = FakeCloudFormation()
    made.outputs[BOOTSTRAP] = {"PackageBucketName": "packages"}
    made.outputs["holdfast-dev"] = {
        "SigningKeyArn": "arn:key",
        "EndpointURL": "https://x.example/api/",
    }
    return made


@pytest.fixture
def stacks(cloud: FakeCloudFormation) -> Stacks:
    ticks = Ticks()
    return Stacks(cloud, ticks.pause, ticks.now)


@pytest.fixture
def target(stacks: Stacks) -> Installation:
    made = Installation("dev", "eu-central-1", stacks, FakeBucket(), FakeKeys())
    made.bootstrap()
    return made


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "deployment.zip").write_bytes(b"PK")
    (tmp_path / "template.json").write_text('{"Resources": {}}')
    return tmp_path


def given(plan: dict[str, Any]) -> dict[str, str]:
    return {one["ParameterKey"]: one["ParameterValue"] for one in plan["Parameters"]}


def test_a_first_deployment_is_followed_by_one_with_the_pinned_key(
    target: Installation, cloud: FakeCloudFormation, package: Path
) -> None:
    target.deploy(package, {"Subnets": ""})

    _, first, second = cloud.executed
    assert given(first) == {"Stage": "dev", "Subnets": ""}
    assert given(second)["SigningPublicKey"].startswith("-----BEGIN PUBLIC KEY-----")
    assert given(second)["PublicUrl"] == "https://x.example/api"


def test_deploying_the_same_again_changes_nothing(
    target: Installation, cloud: FakeCloudFormation, package: Path
) -> None:
    target.deploy(package, {})
    before = len(cloud.executed)

    target.bootstrap()
    target.deploy(package, {})

    assert len(cloud.executed) == before
    assert isinstance(target.objects, FakeBucket)
    assert target.objects.puts == 2


def test_an_upgrade_never_takes_the_pinned_key_away(
    target: Installation, cloud: FakeCloudFormation, package: Path
) -> None:
    target.deploy(package, {})
    before = len(cloud.executed)

    target.deploy(package, {"WorkerMemoryMb": "4096"})

    upgrades = cloud.executed[before:]
    assert [("SigningPublicKey" in given(plan)) for plan in upgrades] == [True]


def test_a_change_that_breaks_names_its_first_cause(
    stacks: Stacks, cloud: FakeCloudFormation
) -> None:
    cloud.breaks = "ROLLBACK_COMPLETE"

    with pytest.raises(DeployError, match="BackupBucket: access denied"):
        stacks.deploy(Wanted("s", {"TemplateBody": "{}"}))


def test_a_plan_that_is_refused_says_why(stacks: Stacks, cloud: FakeCloudFormation) -> None:
    cloud.refuses = "Parameters: [WorkerImageUri] must have values"

    with pytest.raises(DeployError, match="WorkerImageUri"):
        stacks.deploy(Wanted("s", {"TemplateBody": "{}"}))


def test_a_plan_that_never_settles_is_given_up(stacks: Stacks, cloud: FakeCloudFormation) -> None:
    cloud.hangs = True

    with pytest.raises(DeployError, match=f"{PATIENCE_S:.0f} s"):
        stacks.deploy(Wanted("s", {"TemplateBody": "{}"}))


def test_a_stack_that_was_only_announced_is_made(stacks: Stacks, cloud: FakeCloudFormation) -> None:
    cloud.stacks["s"] = {"status": "REVIEW_IN_PROGRESS", "content": None}

    assert stacks.deploy(Wanted("s", {"TemplateBody": "{}"}))


def test_a_stack_is_removed_once(stacks: Stacks) -> None:
    stacks.deploy(Wanted("s", {"TemplateBody": "{}"}))

    assert [stacks.delete("s"), stacks.delete("s")] == [True, False]


def test_parameters_are_joined_with_the_image(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text('{"Subnets": "subnet-1"}')
    (tmp_path / "image").write_text("repository@sha256:abc\n")
    (tmp_path / "image.architecture").write_text("arm64\n")

    found = parameters_of("dev", tmp_path, tmp_path / "image")

    assert found == {
        "Subnets": "subnet-1",
        "WorkerImageUri": "repository@sha256:abc",
        "Architecture": "arm64",
    }


def test_an_image_of_unknown_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text("{}")
    (tmp_path / "image").write_text("repository@sha256:abc\n")

    with pytest.raises(DeployError, match="push it again"):
        parameters_of("dev", tmp_path, tmp_path / "image")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "dev.json is missing"),
        ("{", "is not JSON"),
        ("[]", "object of texts"),
        ('{"WorkerMemoryMb": 3008}', "object of texts"),
        ('{"SigningPublicKey": "x"}', "SigningPublicKey, which deploying fills in"),
        ('{"Stage": "prod"}', "Stage, which deploying fills in"),
        ("{}", "no image was pushed"),
    ],
)
def test_parameters_that_cannot_be_are_refused(
    tmp_path: Path, content: str | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / "dev.json").write_text(content)

    with pytest.raises(DeployError, match=sentence):
        parameters_of("dev", tmp_path, tmp_path / "image")


def test_what_was_packaged_only_to_be_judged_is_never_deployed(package: Path) -> None:
    require_package(package)
    (package / MARK).touch()

    with pytest.raises(DeployError, match="judged only"):
        require_package(package)


@pytest.mark.parametrize("name", ["deployment.zip", "template.json"])
def test_a_package_that_is_not_whole_is_refused(package: Path, name: str) -> None:
    (package / name).unlink()

    with pytest.raises(DeployError, match=name):
        require_package(package)
