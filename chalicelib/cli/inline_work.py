"""Run workers from within a command, when no `holdfast up` owns the data folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import click

from chalicelib.bootstrap.services import Services
from chalicelib.cli.invocation import Invocation
from chalicelib.cli.watching import pause_between_looks, watching
from chalicelib.domain.errors import Conflict
from chalicelib.local.data_lock import DataLock
from chalicelib.local.supervision import supervisor_of


@dataclass(frozen=True)
class InlineWork:
    """Be the supervisor for as long as a command waits; only watch when there is one already."""

    services: Services
    invocation: Invocation

    def until(self, predicate: Callable[[], bool]) -> None:
        """Return once the predicate holds; an interruption ends the workers and raises Cancelled.

        The other supervisor may end while this one watches, so the lock is tried again each time.
        """
        with watching():
            while not predicate() and not self._has_worked_until(predicate):
                pause_between_looks()

    def _has_worked_until(self, predicate: Callable[[], bool]) -> bool:
        interruption = self.invocation.interruption
        with ExitStack() as stack:
            try:
                stack.enter_context(DataLock(self.services.settings.data))
            except Conflict:
                return False
            # the supervisor ends its workers itself; a signal must not tear it out of that
            stack.enter_context(interruption.polled())
            supervisor = stack.enter_context(
                supervisor_of(self.services, self.invocation.environment, _warn)
            )
            supervisor.run_until(lambda: interruption.asked or predicate())
            # it took the work of other commands too, which only watch: that is not to be killed
            supervisor.drain(lambda: interruption.asked)
        interruption.check()
        return True


def _warn(text: str) -> None:
    click.echo(text, err=True)
