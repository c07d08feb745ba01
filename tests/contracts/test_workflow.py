"""What every workflow promises of executions, before and without a worker."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from chalicelib.domain.execution import Work
from chalicelib.ports import Workflow

Race = Callable[..., list[str]]

START = """
from chalicelib.domain.execution import Work
made.start(Work.BACKUP, "b1")
print("started")
"""


def test_a_started_work_is_running(workflow: Workflow) -> None:
    workflow.start(Work.BACKUP, "b1")

    assert workflow.is_running(Work.BACKUP, "b1")


def test_an_unknown_work_is_not_running(workflow: Workflow) -> None:
    assert not workflow.is_running(Work.BACKUP, "b1")


def test_works_of_one_id_and_two_kinds_are_two(workflow: Workflow) -> None:
    workflow.start(Work.BACKUP, "x")

    assert not workflow.is_running(Work.JOB, "x")


def test_a_stopped_work_is_not_running(workflow: Workflow) -> None:
    workflow.start(Work.BACKUP, "b1")
    workflow.start(Work.BACKUP, "b2")

    workflow.stop(Work.BACKUP, "b1")

    assert not workflow.is_running(Work.BACKUP, "b1")
    assert workflow.is_running(Work.BACKUP, "b2")


def test_starting_twice_is_starting_once(workflow: Workflow) -> None:
    workflow.start(Work.BACKUP, "b1")
    workflow.start(Work.BACKUP, "b1")

    workflow.stop(Work.BACKUP, "b1")

    assert not workflow.is_running(Work.BACKUP, "b1")


def test_stopping_an_unknown_or_finished_work_is_fine(workflow: Workflow) -> None:
    workflow.stop(Work.JOB, "unknown")
    workflow.start(Work.JOB, "j1")
    workflow.stop(Work.JOB, "j1")

    workflow.stop(Work.JOB, "j1")

    assert not workflow.is_running(Work.JOB, "j1")


def test_a_stopped_work_can_be_started_again(workflow: Workflow) -> None:
    workflow.start(Work.JOB, "j1")
    workflow.stop(Work.JOB, "j1")

    workflow.start(Work.JOB, "j1")

    assert workflow.is_running(Work.JOB, "j1")


def test_starts_of_threads_make_one_execution(workflow: Workflow) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: workflow.start(Work.JOB, "j1"), range(16)))

    workflow.stop(Work.JOB, "j1")

    assert not workflow.is_running(Work.JOB, "j1")


def test_starts_of_processes_make_one_execution(
    workflow: Workflow, workflow_source: str, race: Race
) -> None:
    answers = race(workflow_source, START, count=4)
    was_running = workflow.is_running(Work.BACKUP, "b1")

    workflow.stop(Work.BACKUP, "b1")

    assert answers == ["started"] * 4
    assert was_running
    assert not workflow.is_running(Work.BACKUP, "b1")
