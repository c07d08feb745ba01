"""The report of the fault lane: what was run, what was found, and the seed to see it again."""

from __future__ import annotations

from tests.faults.cells import Finding
from tests.faults.matrix import CELLS
from tests.soak.faults import Result, report


def result(**changes: object) -> Result:
    values: dict[str, object] = {
        "cell": CELLS[0],
        "adapters": "embedded",
        "seed": 7,
        "end": "authentication_failed",
        "at": "",
        "struck": True,
        "took_s": 0.5,
        "found": (),
    }
    return Result(**{**values, **changes})  # type: ignore[arg-type]  # fields of the result by name


def test_runs_are_counted_by_cell_and_set() -> None:
    found = report([result(), result(seed=8, struck=False), result(adapters="aws")], 7, 3.0)

    told = found.figures["F1 wrong password (embedded)"]
    assert told == "2 runs, 1 struck: authentication_failed 2; 0.5 s"
    assert (found.figures["runs"], found.figures["runs whose fault struck"]) == (3, 2)


def test_a_broken_promise_is_listed_with_its_seed() -> None:
    found = report([result(found=(Finding("took 40 s"),), at="3 %")], 7, 3.0)

    assert found.failures == ("F1 wrong password (embedded), seed 7 at 3 %: took 40 s",)
    assert (found.figures["violations"], found.figures["false successes"]) == (1, 0)


def test_the_bound_is_stated_only_without_a_false_success() -> None:
    good = report([result()] * 300, 7, 3.0).figures
    false = Finding("it was not", is_false_success=True)
    bad = report([result(found=(false,))] * 300, 7, 3.0).figures

    bound = "95 % bound on false success"
    assert (good[bound], good["false successes"]) == ("1.0000%", 0)
    assert (bad[bound], bad["false successes"]) == ("none", 300)


def test_a_fault_that_did_not_strike_proves_nothing() -> None:
    found = report([result(struck=False)] * 299 + [result()], 7, 3.0).figures

    assert found["95 % bound on false success"] == "100.0000%"
