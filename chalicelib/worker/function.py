"""The worker as a Lambda function: `chalicelib.worker.function.handler`.

What a step raises is raised again under the name of its class, which the state machine retries or
catches by. Importing this reads no environment; the first call builds the services.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Protocol

from chalicelib import observability
from chalicelib.bootstrap.services import Services, build
from chalicelib.domain.errors import HoldfastError
from chalicelib.settings import Settings, process_environment
from chalicelib.worker import own_look
from chalicelib.worker.reported import told
from chalicelib.worker.steps import run_step


class LambdaContext(Protocol):
    """Name what is asked of the context that Lambda gives a call."""

    def get_remaining_time_in_millis(self) -> int:
        """Say how long the function may still run."""
        ...


@cache
def services() -> Services:
    """Build the services from the environment, once for all calls of this instance."""
    environment = process_environment()
    observability.configure(environment)
    return build(Settings.read(environment))


def handler(event: Mapping[str, object], context: LambdaContext) -> dict[str, str]:
    """Run one step, or say what is at hand; the log hears types and places of what broke."""
    try:
        if own_look.is_asked(event):
            return own_look.programs(services().settings)
        return run_step(services(), event, context.get_remaining_time_in_millis() / 1000)
    except HoldfastError as error:
        raise told(error) from error
    except Exception as error:
        broken = {"id": str(event.get("id")), "exceptions": observability.described(error)}
        observability.log().error("the step broke", extra=broken)
        raise told(error) from error
