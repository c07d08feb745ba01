"""What differs from a real deployment: a pure change of the packaged template, and its list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.template import FUNCTION, Template
from tests.rehearsal.roles import WORKER_ID, Double
from tests.support.seaweedfs import BUCKET
from tests.support.stack import ALONE, signing_as

ALARM: Final = "AWS::CloudWatch::Alarm"
RUNTIME: Final = "provided.al2023"
WORKER_HANDLER: Final = "chalicelib.worker.function.handler"


@dataclass(frozen=True)
class Substitution:
    """Say what stood in for a part of AWS, and what of that part is therefore untested."""

    part: str
    by: str
    untested: str


SUBSTITUTIONS: Final = (
    Substitution(
        "CloudFormation, SAM",
        "ministack, and Amazon's own SAM translator in it",
        "what AWS refuses in a template (cfn-lint looks for that)",
    ),
    Substitution(
        "API Gateway, Step Functions, Scheduler, DynamoDB, Secrets Manager, KMS, SNS",
        "ministack; definitions, table, keys and routes are the template's",
        "quotas, TLS, delays of lists",
    ),
    Substitution(
        "IAM",
        "ministack: calls of functions are held against the policies of their roles",
        "conditions of policies, and roles of services (Scheduler, Step Functions, API Gateway)",
    ),
    Substitution(
        "S3",
        "SeaweedFS, with the rights on objects that the policies of each role give",
        "KMS encryption, object lock, the bucket's policy",
    ),
    Substitution(
        "Lambda's Python 3.13",
        "the zip of `chalice package` for this processor, unpacked, under Amazon's runtime client",
        "builds of the same wheels for the other processor",
    ),
    Substitution(
        "the worker's image",
        "this checkout under Amazon's runtime client, as root",
        "the image itself (tests/infra/test_image.py), memory and scratch limits",
    ),
    Substitution(
        "waits of state machines",
        "a tenth of the seconds that the definitions say; nothing in them is changed",
        "jitter",
    ),
    Substitution("alarms over several metrics", "nothing: ministack knows none", "these alarms"),
    Substitution(
        "Fargate tasks",
        "nothing: no subnets are given",
        "tasks (tests/infra/test_machines_run.py has a function play them)",
    ),
)


@dataclass(frozen=True)
class Places:
    """Say where the parts are that stand in, and who stands for the role of each function."""

    aws: str
    s3: str
    worker_bucket: str
    worker_key: str
    scratch: str
    doubles: Mapping[str, Double]


def adapted(template: Template, places: Places) -> Template:
    """Return the template as it is rehearsed; nothing of the given one is changed."""
    whole: Template = json.loads(json.dumps(template))
    whole["Resources"] = {
        name: resource for name, resource in whole["Resources"].items() if not _adds_up(resource)
    }
    everywhere = whole["Globals"]["Function"]["Environment"]["Variables"]
    everywhere |= _settings(places)
    for name, resource in whole["Resources"].items():
        if resource.get("Type") == FUNCTION:
            _run_here(resource["Properties"], keys_of(places.doubles[name]))
    _replace_image(whole["Resources"][WORKER_ID]["Properties"], places)
    return whole


def keys_of(double: Double) -> dict[str, str]:
    """Return the variables by which a function signs; the bootstrap gives them their names."""
    variables = signing_as(double.keys).items()
    return {f"ROLE_{name}": value for name, value in variables if name not in ALONE}


def _settings(places: Places) -> dict[str, str]:
    # a trace would go nowhere; everything else of the environment stays as the template says
    alone = {name: value for name, value in ALONE.items() if name != "POWERTOOLS_TRACE_DISABLED"}
    return {
        **alone,
        "TMPDIR": places.scratch,
        "HOLDFAST_AWS_ENDPOINT": places.aws,
        "HOLDFAST_S3_ENDPOINT": places.s3,
        "HOLDFAST_S3_BUCKET": BUCKET,
        "HOLDFAST_S3_KMS_KEY": "",
        "HOLDFAST_HOST_GUARD": "off",
        "HOLDFAST_CLIENT_FLOOR": "warn",
    }


def _adds_up(resource: Mapping[str, Any]) -> bool:
    """Tell whether this is an alarm over several metrics, which ministack makes none of."""
    return resource.get("Type") == ALARM and "Metrics" in resource["Properties"]


def _run_here(properties: dict[str, Any], own: Mapping[str, str]) -> None:
    properties["Runtime"] = RUNTIME
    properties.pop("Architectures", None)
    variables = properties.setdefault("Environment", {}).setdefault("Variables", {})
    variables |= own


def _replace_image(properties: dict[str, Any], places: Places) -> None:
    del properties["PackageType"]
    properties |= {
        "Runtime": RUNTIME,
        "Handler": WORKER_HANDLER,
        "Code": {"S3Bucket": places.worker_bucket, "S3Key": places.worker_key},
    }
    properties["Environment"]["Variables"] |= _settings(places) | keys_of(places.doubles[WORKER_ID])
