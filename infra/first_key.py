"""Make the first admin key of an installation, with the rights of whoever deployed it.

    python -m infra.first_key --stage dev [--region R]

The settings are read from the deployed API function, so that record and key meet. The key is shown
once and stored nowhere.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.bootstrap.services import Services, build
from chalicelib.domain.access import Role
from chalicelib.domain.errors import HoldfastError
from chalicelib.services.access import NewKey
from chalicelib.settings import Settings

ACTOR = "deployment"


def deployed_settings(stage: str, region: str | None) -> Mapping[str, str]:
    """Return the variables of the API's function."""
    functions = boto3.session.Session(region_name=region).client("lambda")
    found = functions.get_function_configuration(FunctionName=f"holdfast-{stage}-api_handler")
    variables: Mapping[str, str] = found["Environment"]["Variables"]
    return variables


def make(services: Services, name: str) -> str:
    """Make an admin key and return its token."""
    _, token = services.access.create(ACTOR, NewKey(name, Role.ADMIN))
    return token


def main(arguments: Sequence[str]) -> int:
    """Make the key and print it."""
    parser = argparse.ArgumentParser(prog="infra.first_key")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--region")
    asked = parser.parse_args(arguments)
    try:
        services = build(Settings.read(deployed_settings(asked.stage, asked.region)))
        token = make(services, f"first of {asked.stage}")
    except (HoldfastError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{token}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
