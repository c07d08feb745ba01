from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.cli.run_lines import print_run


def a_step(**fields: Any) -> dict[str, Any]:
    given = {
        "step": "dump", "phase": None, "words": "dumping", "attempt": 1,
        "began_at": "2026-03-01T12:00:00Z", "duration_s": 4.0,
    }  # fmt: skip
    return given | fields


def test_each_step_of_a_run_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    again = a_step(attempt=2, duration_s=None)

    print_run({"id": "1", "steps": [a_step(), again]}, as_json=False)

    assert capsys.readouterr().out.splitlines() == [
        "id\t1",
        "steps.1\t2026-03-01T12:00:00Z dumping, 4.0 s",
        "steps.2\t2026-03-01T12:00:00Z attempt 2: dumping, still going on",
    ]


@pytest.mark.parametrize("run", [{"id": "1"}, {"id": "1", "steps": None}])
def test_a_run_without_steps_is_printed_without(
    run: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    print_run(run, as_json=False)

    assert capsys.readouterr().out == "id\t1\n"


def test_programs_get_the_run_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    run = {"id": "1", "steps": [a_step()]}

    print_run(run, as_json=True)

    assert json.loads(capsys.readouterr().out) == run
