"""Remove an installation's stack. Backups, records and keys stay: the template retains them.

python -m infra.destroy --stage dev [--region R]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy import installation
from infra.stacks import DeployError


def main(arguments: Sequence[str]) -> int:
    """Remove the stack, and say what stays."""
    parser = argparse.ArgumentParser(prog="infra.destroy")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--region")
    asked = parser.parse_args(arguments)
    try:
        target = installation(asked.stage, asked.region)
        removed = target.stacks.delete(target.name)
    except (DeployError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    said = "removed; bucket, table and both keys stay" if removed else "there was nothing to remove"
    sys.stdout.write(f"{target.name}: {said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
