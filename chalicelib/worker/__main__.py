"""Run one execution: `python -m chalicelib.worker backup|job ID [PARENT_PID]`.

The process ends with its execution, so that nothing of one run can reach another: memory, files,
connections, credentials. Exit code 0: the record is in a final state, whichever; 1: it is not.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from types import FrameType

from chalicelib.adapters.embedded.processes import die_with_parent
from chalicelib.bootstrap import Services, embedded
from chalicelib.domain.errors import HoldfastError, Internal, LeaseLost, WorkerLost
from chalicelib.domain.execution import Work
from chalicelib.settings import Settings, process_environment


class _Terminated(BaseException):
    """Unwind the run when the supervisor asks this process to end."""


def main(arguments: list[str]) -> int:
    """Run the execution that the arguments name."""
    work, work_id, *parent = arguments
    # a parent that died while this process was loading would otherwise go unnoticed
    die_with_parent(int(parent[0]) if parent else None)
    signal.signal(signal.SIGTERM, _terminate)
    services = embedded(Settings.read(process_environment()))
    owner = f"{socket.gethostname()}:{os.getpid()}"
    try:
        if Work(work) is Work.BACKUP:
            run_backup(services, owner, work_id)
        else:
            run_job(services, owner, work_id)
    except LeaseLost as error:
        sys.stderr.write(f"{work} {work_id}: {error.message}\n")
        return 1
    return 0


def run_backup(services: Services, owner: str, backup_id: str) -> None:
    """Run a backup to its end, whatever ends it."""
    runner = services.backup_runner(owner)
    try:
        runner.run(backup_id)
    except _Terminated:
        runner.fail(backup_id, WorkerLost("the service was stopped while the backup ran"))
    except HoldfastError:
        raise
    except Exception as error:
        # the type says enough to look for; the text of a foreign error may hold a secret
        runner.fail(backup_id, Internal(f"an unexpected {type(error).__name__} ended the run"))
        raise


def run_job(services: Services, owner: str, job_id: str) -> None:
    """Run a job to its end, whatever ends it."""
    runner = services.job_runner(owner)
    try:
        runner.run(job_id)
    except _Terminated:
        runner.fail(job_id, WorkerLost("the service was stopped while the job ran"))
    except HoldfastError:
        raise
    except Exception as error:
        runner.fail(job_id, Internal(f"an unexpected {type(error).__name__} ended the job"))
        raise


def _terminate(signum: int, frame: FrameType | None) -> None:
    del frame
    # once is enough: what follows is the clean-up, which nothing may interrupt
    signal.signal(signum, signal.SIG_IGN)
    raise _Terminated


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
