from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from chalice.config import Config
from chalice.deploy.validate import validate_configuration

from app import app

ROOT = Path(__file__).parents[3]
HEAVY = {
    *("boto3", "botocore", "psycopg", "cryptography", "sqlite3", "zstandard", "apprise"),
    *("aws_xray_sdk", "aws_lambda_powertools", "chalicelib.engine"),
    *("chalicelib.adapters.aws", "chalicelib.adapters.embedded"),
}


def run(code: str, environment: dict[str, str] | None = None) -> str:
    """Run code in a fresh interpreter with no other environment."""
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT, env=environment or {}, capture_output=True, text=True, check=True
    ).stdout


def test_importing_the_app_loads_nothing_heavy() -> None:
    loaded = set(run("import app, sys; print(*sys.modules)").split())

    assert loaded & HEAVY == set()


def test_importing_the_app_is_quick() -> None:
    # processor time, because other tests share the machine
    code = "import time; t = time.process_time(); import app; print(time.process_time() - t)"

    assert min(float(run(code)) for _ in range(3)) <= 1.0


def test_importing_the_app_leaves_the_environment_alone() -> None:
    code = "import os; before = dict(os.environ); import app; print(before == dict(os.environ))"

    assert run(code).strip() == "True"


def test_chalice_accepts_app_and_configuration() -> None:
    loaded = json.loads((ROOT / ".chalice" / "config.json").read_text())
    config = Config("dev", user_provided_params={"chalice_app": app}, config_from_disk=loaded)

    validate_configuration(config)

    policy = json.loads((ROOT / ".chalice" / config.iam_policy_file).read_text())
    assert not config.autogen_policy
    assert "*" not in [action for one in policy["Statement"] for action in one["Action"]]


def test_an_event_of_api_gateway_is_answered_from_the_settings(tmp_path: Path) -> None:
    event = {
        "requestContext": {"httpMethod": "GET", "resourcePath": "/health", "identity": {}},
        "headers": {"accept": "*/*"},
        "pathParameters": None,
        "stageVariables": None,
        "multiValueQueryStringParameters": None,
        "body": None,
        "isBase64Encoded": False,
    }
    code = f"import app, json; print(json.dumps(app.app({event!r}, None)))"

    answer = json.loads(run(code, {"HOLDFAST_DATA": str(tmp_path / "data")}))

    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (200, "ok")
    assert (tmp_path / "data" / "catalog.sqlite").exists()
