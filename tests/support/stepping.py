"""Single steps of a run, called as a state machine calls them."""

from __future__ import annotations

from typing import Final

from chalicelib.bootstrap.services import Services
from chalicelib.domain.backup import Asked, Backup, Step
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.restore import Restore
from chalicelib.worker.steps import run_step
from tests.support.world import World

LIFE_S: Final = 900.0
OWNER: Final = "X"


def called(
    services: Services,
    record: Backup | Restore | Job,
    step: str,
    owner: str = OWNER,
    **more: object,
) -> dict[str, str]:
    """Call the worker for a step, in the name of an execution."""
    event = {"work": record.kind, "id": record.id, "step": step, "owner": owner, **more}
    return run_step(services, event, LIFE_S)


def call(
    world: World, record: Backup | Restore | Job, step: str, owner: str = OWNER, **more: object
) -> dict[str, str]:
    """Call the worker of a world."""
    return called(world.services, record, step, owner, **more)


def run_until(world: World, backup: Backup, last: Step) -> None:
    """Call all steps up to one."""
    for step in Step:
        call(world, backup, step)
        if step is last:
            return


def verifying(world: World, backup: Backup, level: Asked) -> Job:
    """Ask for a verification of a completed backup; nobody runs it yet."""
    arguments = JobArguments(backup_id=backup.id, level=level)
    return world.services.jobs.request("key:1", JobKind.VERIFY, backup.project_id, arguments)
