"""Put the supervisor of an embedded service together: its queue, its workers, its housekeeping."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.adapters.embedded.workflow import SqliteWorkflow
from chalicelib.bootstrap.services import Services
from chalicelib.domain.errors import Internal
from chalicelib.local.supervisor import Housekeeping, Supervisor, WorkerProgram, worker_environment
from chalicelib.services.due_runs import DueReport
from chalicelib.services.sweeper import SweepReport

Say = Callable[[str], object]


def supervisor_of(
    services: Services, environment: Mapping[str, str], say: Say, *, runs_schedules: bool = False
) -> Supervisor:
    """Return the supervisor of an embedded service; its data folder must be locked.

    A command that works off one thing does not run schedules: it would leave them half-way.
    """
    workflow = services.adapters.workflow
    if not isinstance(workflow, SqliteWorkflow):
        raise Internal("only the embedded service runs workers itself")

    def start_due() -> None:
        _tell_due(services.due_runs.start_due(), say)

    return Supervisor(
        queue=workflow,
        program=WorkerProgram(worker_environment(services.settings.to_environment(), environment)),
        housekeeping=Housekeeping(
            sweep=lambda: _tell(services.sweeper.sweep(starting=False), say),
            clock=services.adapters.clock,
            start_due=start_due if runs_schedules else lambda: None,
        ),
        limit=services.settings.workers,
    )


def _tell(report: SweepReport, say: Say) -> None:
    if report.failed or report.rolled_forward or report.restarted:
        say(
            f"swept: {report.failed} lost runs ended, {report.rolled_forward} finished,"
            f" {report.restarted} started again"
        )
    for problem in report.problems:
        say(f"sweeper: {problem}")


def _tell_due(report: DueReport, say: Say) -> None:
    if report.missed:
        say(f"schedules: {report.missed} runs were missed")
    for problem in report.problems:
        say(f"schedules: {problem}")
