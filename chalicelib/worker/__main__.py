"""Run one execution: `python -m chalicelib.worker WORK ID [owner=NAME] [PARENT_PID]`.

WORK is backup, job, restore or notices. A task that a state machine starts goes on with leases that
its execution holds, under that name.

The process ends with its execution, so that nothing of one run can reach another: memory, files,
connections, credentials. Exit code 0: the record is in a final state, whichever; 1: it is not.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from types import FrameType
from typing import Final, Protocol

from chalicelib import observability
from chalicelib.adapters.embedded.processes import die_with_parent
from chalicelib.bootstrap.services import Services, build
from chalicelib.domain.errors import HoldfastError, Internal, LeaseLost, WorkerLost
from chalicelib.domain.execution import Work
from chalicelib.domain.exhaustion import exhausted
from chalicelib.ports import Ids
from chalicelib.settings import Settings, process_environment

OWNER: Final = "owner="


class _Terminated(BaseException):
    """Unwind the run when the supervisor asks this process to end."""


def main(arguments: list[str]) -> int:
    """Run the execution that the arguments name."""
    work, work_id, *rest = arguments
    named = [word.removeprefix(OWNER) for word in rest if word.startswith(OWNER)]
    parent = [word for word in rest if not word.startswith(OWNER)]
    # a parent that died while this process was loading would otherwise go unnoticed
    die_with_parent(int(parent[0]) if parent else None)
    signal.signal(signal.SIGTERM, _terminate)
    environment = process_environment()
    observability.configure(environment)
    services = build(Settings.read(environment))
    owner = named[0] if named else owner_name(services.adapters.ids)
    return outcome(_runner(services, Work(work), owner), work_id)


def owner_name(ids: Ids) -> str:
    """Return a name for leases that no other worker has, nor another call.

    Host and process tell people where to look. They are not enough: containers and functions often
    share a host name, and their workers the process ids 1 to 10.
    """
    return f"{socket.gethostname()}:{os.getpid()}:{ids.new()}"


class Runner(Protocol):
    """Take one piece of work to its end, or record why it ended early."""

    def run(self, work_id: str, /) -> object:
        """Do it."""
        ...

    def fail(self, work_id: str, error: HoldfastError, /) -> object:
        """Record a failure."""
        ...


def run(runner: Runner, work_id: str) -> None:
    """Run the work to its end, whatever ends it."""
    try:
        runner.run(work_id)
    except _Terminated:
        runner.fail(work_id, WorkerLost("the service was stopped while this ran"))
    except HoldfastError:
        raise
    except Exception as error:
        # the type says enough to look for; the text of a foreign error may hold a secret
        unknown = Internal(f"an unexpected {type(error).__name__} ended the run")
        runner.fail(work_id, exhausted("the run was cut short", error) or unknown)
        raise


def outcome(runner: Runner, work_id: str) -> int:
    """Run the work and return the exit code; the log hears types and places of what broke."""
    try:
        run(runner, work_id)
    except LeaseLost as error:
        sys.stderr.write(f"{work_id}: {error.message}\n")
        return 1
    except Exception as error:  # noqa: BLE001 - the entry point; a traceback would show its words
        _report(work_id, error)
        return 1
    return 0


def _report(work_id: str, error: Exception) -> None:
    broken = {"id": work_id, "exceptions": observability.described(error)}
    try:
        observability.log().error("the run broke", extra=broken)
    except Exception:  # noqa: BLE001 - short of files or memory there is no log, and no traceback either
        sys.stderr.write(f"{work_id}: the run broke with {type(error).__name__}\n")


def _runner(services: Services, work: Work, owner: str) -> Runner:
    if work is Work.BACKUP:
        return services.backup_runner(owner)
    if work is Work.RESTORE:
        return services.restore_runner(owner)
    if work is Work.NOTICES:
        return services.notice_runner()
    return services.job_runner(owner)


def _terminate(signum: int, frame: FrameType | None) -> None:
    del frame
    # once is enough: what follows is the clean-up, which nothing may interrupt
    signal.signal(signum, signal.SIG_IGN)
    raise _Terminated


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
